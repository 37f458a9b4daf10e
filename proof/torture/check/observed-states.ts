import type { RegisteredCommand, CommandOperation, CommandRegistry } from "./command-registry.ts";
import type { Attempt, ShownStatement } from "../clients/history.ts";
import type { Observation } from "./linearizability.ts";
import { type EntryRow, type State, AccountStates } from "./account-states.ts";
import { attemptNumbersText, operationText } from "./violation-text.ts";

/** From the contract. */
const STATEMENT_ENTRIES = 10;
const BALANCE_MAX = Number.MAX_SAFE_INTEGER;
const TIME_SHAPE = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$/;

/** The states of an account that is not in the books. */
export function emptyAccountStates(account: string): AccountStates {
  const none = { of: [], from: 0, count: 0 };
  return new AccountStates(account, { entries: none, limits: none }, { changesBefore: 0, isWhole: true });
}

/** @returns the observation; or, if the statement shows no state of the account, what is wrong with it */
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
    earliest: states.changesBefore,
    first: (from, to) => positions.find((position) => position >= from && position <= to) ?? null,
  };
}

function entryOf(states: AccountStates, description: string, commands: CommandRegistry): number | string {
  const { account, entry = null } = commands.byDescription(description)?.position ?? {};
  // It may have been there after an earlier round, and be gone now.
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
  // Times of this form sort as text.
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

/** In the contract's form: ISO 8601 with six decimals of the second. */
export function timestamp(micros: number): string {
  const milliseconds = Math.floor(micros / 1000);
  const digits = String(micros - milliseconds * 1000).padStart(3, "0");
  return new Date(milliseconds).toISOString().replace("Z", `${digits}Z`);
}

/** Whether the contract has this refusal for this kind of request. */
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

/** Whether the command is refused with this problem in a state; null is the state before the opening. */
function isRefusedIn(state: State | null, operation: CommandOperation | null, problem: string): boolean {
  if (state === null || operation === null) return state === null && problem.startsWith("account-");
  switch (operation.type) {
    case "transact":
      if (operation.kind === "debit") {
        return problem === "limit-exceeded" && state.balance - operation.value < -state.creditLimit;
      }
      return problem === "balance-out-of-range" && state.balance + operation.value > BALANCE_MAX;
    case "change-limit":
      return problem === "limit-too-low" && state.balance < -operation.creditLimit;
    case "open":
      return false;
  }
}

interface Refusal {
  readonly operation: CommandOperation | null;
  readonly problem: string;
  readonly begin: number;
  readonly end: number;
  readonly attempts: readonly number[];
  readonly earliest: number;
}

function refusalObservation(
  { operation, problem, ...interval }: Refusal,
  states: AccountStates,
): Observation {
  const what = operation === null ? "a statement" : operationText(operation);
  return {
    type: "refusal",
    text: `${what} was refused (${attemptNumbersText(interval.attempts)}): ${problem}`,
    ...interval,
    first: (from, to) => {
      for (let position = from; position <= to; position += 1) {
        if (isRefusedIn(states.stateAt(position), operation, problem)) return position;
      }
      return null;
    },
  };
}

/** A statement that was answered with: there is no such account. */
export function unknownAccountObservation(
  attempt: Attempt,
  problem: string,
  states: AccountStates,
): Observation {
  const { sentAt: begin, endedAt: end, number } = attempt;
  const earliest = states.changesBefore;
  return refusalObservation({ operation: null, problem, begin, end, attempts: [number], earliest }, states);
}

/**
 * The refusals of a command that were decided in this round. A replayed refusal was decided at the same moment as the
 * refusal that it repeats. If no client got that first answer, the moment is unknown; it lies after the first attempt.
 *
 * @param isKnown an earlier round had the refusal already, and checked it against its account
 */
export function refusalObservations(
  command: RegisteredCommand,
  isKnown: boolean,
  states: AccountStates,
): Observation[] {
  const observations: Observation[] = [];
  const replayed: { readonly number: number; readonly endedAt: number; readonly problem: string }[] = [];
  const operation = command.operation;
  for (const { answer, number, sentAt: begin, endedAt: end } of command.attempts) {
    if (answer.type !== "refused") continue;
    const { problem } = answer;
    if (answer.replayed) replayed.push({ number, endedAt: end, problem });
    else {
      const earliest = states.changesBefore;
      observations.push(
        refusalObservation({ operation, problem, begin, end, attempts: [number], earliest }, states),
      );
    }
  }
  const [first] = replayed.toSorted((a, b) => a.endedAt - b.endedAt);
  if (observations.length > 0 || isKnown || first === undefined) return observations;
  const sent = command.attempts
    .filter(({ answer }) => answer.type !== "not-done")
    .map(({ sentAt }) => sentAt);
  const begin = command.open ? -Infinity : Math.min(...sent);
  const earliest = command.open ? command.changesBefore : states.changesBefore;
  const { problem, endedAt: end } = first;
  const attempts = replayed.map(({ number }) => number);
  return [refusalObservation({ operation, problem, begin, end, attempts, earliest }, states)];
}
