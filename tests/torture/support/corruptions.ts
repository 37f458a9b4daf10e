import { isCommand } from "../../../proof/torture/check/command-registry.ts";
import type { Violation } from "../../../proof/torture/check/checker-types.ts";
import type { Accepted, Attempt, Command, ShownAccount } from "../../../proof/torture/clients/history.ts";
import { journalHash } from "../../../src/ledger/journal.ts";
import type { Random } from "../../support/random.ts";
import type { Round } from "./simulated-clients.ts";
import type { Books } from "./simulated-ledger.ts";

/** Harm done to a history that was right, or to its books. */
export interface Corruption {
  readonly name: string;
  /** At least one of these has to be found. */
  readonly found: readonly Violation["name"][];
  /** @returns false where the history has nothing that it could be done to */
  readonly do: (rounds: Round[], random: Random) => boolean;
}

/** A command that was asked for once, accepted at once and kept, of the last round; with the place of its event. */
export interface Own {
  readonly attempt: Attempt & { readonly answer: Accepted };
  readonly operation: Command;
  readonly g: number;
  readonly index: number;
  readonly text: string;
}

export function last(rounds: readonly Round[]): Round {
  const round = rounds.at(-1);
  if (round === undefined) throw new Error("no round");
  return round;
}

export function pickFrom<T>(random: Random, values: readonly T[]): T | undefined {
  return values.length === 0 ? undefined : random.pick(values);
}

/** The rows of the journal that are of the last round. */
export function newRows(rounds: readonly Round[]): Books["journal"] {
  const known = rounds.at(-2)?.books.journal.length ?? 1;
  return last(rounds).books.journal.slice(known);
}

export function own(rounds: readonly Round[]): Own[] {
  const tries = new Map<string, number>();
  for (const { key } of rounds.flatMap((round) => round.attempts))
    if (key !== null) tries.set(key, (tries.get(key) ?? 0) + 1);
  const events = newRows(rounds).flatMap(({ g, events: texts }) =>
    texts.map((text, index) => ({ g, index, text })),
  );
  return last(rounds).attempts.flatMap((attempt): Own[] => {
    const { operation, answer, key } = attempt;
    if (!isCommand(operation) || operation.type === "batch") return [];
    if (answer.type !== "accepted" || answer.replayed) return [];
    if (operation.type === "open" && operation.account !== null) return [];
    if (key !== null && tries.get(key) !== 1) return [];
    const mark = key === null ? markOf(operation) : `key:${key} `;
    const event = events.find(({ text }) => mark !== null && /^[^px]/.test(text) && text.includes(mark));
    return event === undefined ? [] : [{ attempt: { ...attempt, answer }, operation, ...event }];
  });
}

function markOf(command: Command): string | null {
  if (command.type === "transact") return ` ${command.description}`;
  if (command.type === "open") return `"name":"${command.name}"`;
  return "reference" in command ? `"reference":"${command.reference}"` : null;
}

/** Commands of this type. */
export function ownOf<Type extends Command["type"]>(rounds: readonly Round[], type: Type) {
  return own(rounds).flatMap(({ operation, ...one }) =>
    isOfType(operation, type) ? [{ ...one, operation }] : [],
  );
}

function isOfType<Type extends Command["type"]>(
  command: Command,
  type: Type,
): command is Extract<Command, { type: Type }> {
  return command.type === type;
}

export function replace(rounds: readonly Round[], number: number, change: Partial<Attempt>): void {
  const round = last(rounds);
  round.attempts = round.attempts.map((attempt) =>
    attempt.number === number ? { ...attempt, ...change } : attempt,
  );
}

export function add(rounds: readonly Round[], attempt: Omit<Attempt, "number">): void {
  const number = Math.max(...rounds.flatMap((round) => round.attempts.map((one) => one.number))) + 1;
  last(rounds).attempts.push({ ...attempt, number });
}

/** The accounts that were read. */
export function readAccounts(rounds: readonly Round[]): { attempt: Attempt; shown: ShownAccount }[] {
  return last(rounds).attempts.flatMap((attempt) => {
    const { answer, operation } = attempt;
    return operation.type === "read-account" && answer.type === "account"
      ? [{ attempt, shown: answer.account }]
      : [];
  });
}

/** Puts other events into a batch of the last round, with all the hashes that follow. */
export function setEvents(
  rounds: readonly Round[],
  g: number,
  change: (events: readonly string[]) => string[],
): void {
  const { books } = last(rounds);
  let previous = Buffer.alloc(32);
  books.journal = books.journal.map((row) => {
    const events = row.g === g ? change(row.events) : row.events;
    const hash = Buffer.from(journalHash({ ...row, events, previous }));
    const made = { ...row, events, previous: previous.toString("hex"), hash: hash.toString("hex") };
    previous = hash;
    return made;
  });
}

/** With the first account that it shows changed. */
export function withAccount(
  answer: Accepted,
  change: (account: ShownAccount) => ShownAccount,
): Accepted | null {
  const [first, ...others] = answer.accounts;
  return first === undefined ? null : { ...answer, accounts: [change(first), ...others] };
}
