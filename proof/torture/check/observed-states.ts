import type { RegisteredCommand, Command, CommandRegistry } from "./command-registry.ts";
import type { Attempt, ShownStatement } from "../clients/history.ts";
import type { Observation } from "./linearizability.ts";
import { type EntryRow, type State, AccountStates } from "./account-states.ts";
import { attemptNumbersText, operationText } from "./violation-text.ts";

/** The contract's. */
const STATEMENT_ENTRIES = 10;
const BALANCE_MAX = Number.MAX_SAFE_INTEGER;
const TIME_SHAPE = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$/;

/** Of an account that is in no books. */
export function nothing(account: number): AccountStates {
  const none = { of: [], from: 0, count: 0 };
  return new AccountStates(account, { entries: none, limits: none }, { floor: 0, isWhole: true });
}

/** @returns what is wrong with the statement where no state of the account is the one that it shows */
export function statementObservation(
  attempt: Attempt,
  statement: ShownStatement,
  states: AccountStates,
  commands: CommandRegistry,
): Observation | string {
  const [newest] = statement.entries;
  const entries = newest === undefined ? 0 : entryOf(states, newest.description, commands);
  if (typeof entries === "string") return entries;
  const wrong = wrongEntries(statement, states, entries);
  if (wrong !== null) return wrong;

  const positions: number[] = [];
  const inForce: number[] = [];
  for (let m = Math.max(1, states.limitsAt(entries - 1)); m <= states.limitsAt(entries); m += 1) {
    const { creditLimit } = states.limit(m);
    inForce.push(creditLimit);
    if (creditLimit === statement.creditLimit) positions.push(entries + m);
  }
  if (positions.length === 0) {
    return `it shows the limit ${statement.creditLimit} after entry ${entries}, where ${inForce.join(", then ") || "none"} was in force`;
  }
  return {
    type: "statement",
    begin: attempt.sentAt,
    end: attempt.endedAt,
    attempts: [attempt.number],
    text: `the statement of attempt ${attempt.number}`,
    floor: states.floor,
    first: (from, to) => positions.find((position) => position >= from && position <= to) ?? null,
  };
}

function entryOf(states: AccountStates, description: string, commands: CommandRegistry): number | string {
  const { account, entry = null } = commands.byDescription(description)?.position ?? {};
  // It may have stood there after an earlier round, and be gone.
  if (account === states.account && entry !== null && entry <= states.entries) return entry;
  return `its newest entry "${description}" is not in the books of the account`;
}

function wrongEntries(statement: ShownStatement, states: AccountStates, entries: number): string | null {
  const balance = states.balanceAt(entries);
  if (statement.balance !== balance) {
    return `it shows the balance ${statement.balance} after entry ${entries}, where the books have ${balance}`;
  }
  const expected = Math.min(entries, STATEMENT_ENTRIES);
  if (statement.entries.length !== expected) {
    return `it shows ${statement.entries.length} entries up to entry ${entries}, not ${expected}`;
  }
  for (const [index, shown] of statement.entries.entries()) {
    const entry = states.entry(entries - index);
    const isSame =
      shown.kind === entry.kind &&
      shown.value === entry.value &&
      shown.description === entry.description &&
      shown.time === timestamp(entry.time);
    if (!isSame)
      return `in place ${index + 1} it shows ${shownEntryText(shown)}, where the books have ${booksEntryText(entry)}`;
  }
  if (!TIME_SHAPE.test(statement.readAt)) return `its time "${statement.readAt}" is none`;
  // Times of this form are in the order of their texts.
  const newest = statement.entries[0]?.time ?? "";
  if (statement.readAt < newest)
    return `its time ${statement.readAt} is before that of its newest entry, ${newest}`;
  return null;
}

function shownEntryText({ kind, value, description, time }: ShownStatement["entries"][number]): string {
  return `a ${kind} of ${value} "${description}" at ${time}`;
}

function booksEntryText({ seq, kind, value, description, time }: EntryRow): string {
  return `entry ${seq}, a ${kind} of ${value} "${description}" at ${timestamp(time)}`;
}

/** As the contract has it: ISO 8601 with six digits of the second. */
export function timestamp(micros: number): string {
  const milliseconds = Math.floor(micros / 1000);
  const digits = String(micros - milliseconds * 1000).padStart(3, "0");
  return new Date(milliseconds).toISOString().replace("Z", `${digits}Z`);
}

/** Whether the contract knows such a refusal of such a request at all. */
export function isKnownRefusal(problem: string, type: Attempt["operation"]["type"]): boolean {
  switch (problem) {
    case "account-not-found":
    case "account-unknown":
      return type !== "open";
    case "limit-exceeded":
    case "balance-out-of-range":
      return type === "transact";
    case "limit-too-low":
      return type === "change-limit";
    default:
      return false;
  }
}

/** Whether the command is refused so in a state; null is that before the opening. */
function refuses(state: State | null, command: Command | null, problem: string): boolean {
  if (state === null || command === null) return state === null && problem.startsWith("account-");
  switch (command.type) {
    case "transact":
      if (command.kind === "debit") {
        return problem === "limit-exceeded" && state.balance - command.value < -state.creditLimit;
      }
      return problem === "balance-out-of-range" && state.balance + command.value > BALANCE_MAX;
    case "change-limit":
      return problem === "limit-too-low" && state.balance < -command.creditLimit;
    case "open":
      return false;
  }
}

interface Refusal {
  readonly command: Command | null;
  readonly problem: string;
  readonly begin: number;
  readonly end: number;
  readonly attempts: readonly number[];
  readonly floor: number;
}

function refusalObservation({ command, problem, ...between }: Refusal, states: AccountStates): Observation {
  const what = command === null ? "a statement" : operationText(command);
  return {
    type: "refusal",
    text: `${what} was refused (${attemptNumbersText(between.attempts)}): ${problem}`,
    ...between,
    first: (from, to) => {
      for (let position = from; position <= to; position += 1) {
        if (refuses(states.stateAt(position), command, problem)) return position;
      }
      return null;
    },
  };
}

/** A statement that was told that there is no such account. */
export function unknownAccountObservation(
  attempt: Attempt,
  problem: string,
  states: AccountStates,
): Observation {
  const { sentAt: begin, endedAt: end, number } = attempt;
  const floor = states.floor;
  return refusalObservation({ command: null, problem, begin, end, attempts: [number], floor }, states);
}

/**
 * The refusals of a command that were decided in this round. Those that are replayed are of the same moment; it is
 * not known which, where nobody was told when it was decided: then it lies after the first attempt of all.
 *
 * @param isTold an earlier round had the refusal already, and it was held against its account there
 */
export function refusalObservations(
  registered: RegisteredCommand,
  isKnown: boolean,
  states: AccountStates,
): Observation[] {
  const observations: Observation[] = [];
  const replayed: { readonly number: number; readonly endedAt: number; readonly problem: string }[] = [];
  const command = registered.operation;
  for (const { answer, number, sentAt: begin, endedAt: end } of registered.attempts) {
    if (answer.type !== "refused") continue;
    const { problem } = answer;
    if (answer.replayed) replayed.push({ number, endedAt: end, problem });
    else {
      const floor = states.floor;
      observations.push(
        refusalObservation({ command, problem, begin, end, attempts: [number], floor }, states),
      );
    }
  }
  const [first] = replayed.toSorted((a, b) => a.endedAt - b.endedAt);
  if (observations.length > 0 || isKnown || first === undefined) return observations;
  const sent = registered.attempts
    .filter(({ answer }) => answer.type !== "not-done")
    .map(({ sentAt }) => sentAt);
  const begin = registered.open ? -Infinity : Math.min(...sent);
  const floor = registered.open ? registered.floor : states.floor;
  const { problem, endedAt: end } = first;
  const attempts = replayed.map(({ number }) => number);
  return [refusalObservation({ command, problem, begin, end, attempts, floor }, states)];
}
