import type { Violation } from "../../../proof/torture/check/checker-types.ts";
import type { Attempt, ShownStatement } from "../../../proof/torture/clients/history.ts";
import type { Random } from "../../support/random.ts";
import type { Round } from "./simulated-clients.ts";
import { type Books, byAccount, type Entry, type Limit, isoTime } from "./simulated-ledger.ts";

/** Harm done to a history that was right, or to its books. */
export interface Corruption {
  readonly name: string;
  /** At least one of these has to be found. */
  readonly found: readonly Violation["name"][];
  /** @returns false where the history has nothing that it could be done to */
  readonly do: (rounds: Round[], random: Random) => boolean;
}

type Transact = Extract<Attempt["operation"], { type: "transact" }>;
type Accepted = Extract<Attempt["answer"], { type: "accepted" }>;
export interface Own {
  readonly attempt: Attempt & { readonly answer: Accepted };
  readonly operation: Transact;
  readonly entry: Entry;
}

export function last(rounds: readonly Round[]): Round {
  const round = rounds.at(-1);
  if (round === undefined) throw new Error("no round");
  return round;
}

export function pickFrom<T>(random: Random, values: readonly T[]): T | undefined {
  return values.length === 0 ? undefined : random.pick(values);
}

export function ofAccount(books: Books, account: string): { entries: Entry[]; limits: Limit[] } {
  return {
    entries: books.entries.filter((entry) => entry.account === account),
    limits: books.limits.filter((limit) => limit.account === account),
  };
}

/** Puts other entries in the place of an account's, with the seqs and balances that they then have. */
export function setEntries(books: Books, account: string, entries: readonly Entry[]): void {
  let balance = 0;
  let time = 0;
  const chain = entries.map((entry, index) => {
    balance += entry.kind === "credit" ? entry.value : -entry.value;
    time = Math.max(entry.time, time + 1);
    return { ...entry, account, seq: index + 1, balance, time };
  });
  books.entries = [...books.entries.filter((entry) => entry.account !== account), ...chain].toSorted(
    (a, b) => byAccount(a, b) || a.seq - b.seq,
  );
}

/** The transactions that were asked for once, accepted at once and kept, of the last round. */
export function own(rounds: readonly Round[], keyed?: boolean): Own[] {
  const { attempts, books } = last(rounds);
  const tries = new Map<string, number>();
  for (const { key } of rounds.flatMap((round) => round.attempts)) {
    if (key !== null) tries.set(key, (tries.get(key) ?? 0) + 1);
  }
  const entries = new Map(books.entries.map((entry) => [entry.description, entry]));
  return attempts.flatMap((attempt) => {
    const { operation, answer, key } = attempt;
    if (operation.type !== "transact" || answer.type !== "accepted" || answer.replayed) return [];
    if (key !== null && tries.get(key) !== 1) return [];
    if (keyed !== undefined && keyed !== (key !== null)) return [];
    const entry = entries.get(operation.description);
    return entry === undefined ? [] : [{ attempt: { ...attempt, answer }, operation, entry }];
  });
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

export function statements(
  rounds: readonly Round[],
): { attempt: Attempt; seen: ShownStatement; account: string }[] {
  return last(rounds).attempts.flatMap((attempt) => {
    const { answer, operation } = attempt;
    if (answer.type !== "statement" || operation.type !== "statement") return [];
    return [{ attempt, seen: answer.statement, account: operation.account }];
  });
}

/** The statement after so many entries, as the account's limit was just before the next one. */
export function statementAfter(books: Books, account: string, count: number): ShownStatement {
  const { entries, limits } = ofAccount(books, account);
  const limit = limits.filter(({ afterSeq }) => afterSeq <= count).at(-1);
  const newest = entries[count - 1];
  return {
    balance: newest?.balance ?? 0,
    creditLimit: limit?.creditLimit ?? 0,
    readAt: isoTime((newest?.time ?? 1_700_000_000_000_000) + 1),
    entries: entries
      .slice(Math.max(0, count - 10), count)
      .toReversed()
      .map(({ kind, value, description, time }) => ({ kind, value, description, time: isoTime(time) })),
  };
}
