import type { Asked, Command, Commands } from "./command-registry.ts";
import type { Attempt, StatementSeen } from "../clients/history.ts";
import type { Reading } from "./linearizability.ts";
import { type EntrySeen, type State, Timeline } from "./account-states.ts";
import { attemptWords, commandWords } from "./violation-text.ts";

/** The contract's. */
const STATEMENT_ENTRIES = 10;
const BALANCE_MAX = Number.MAX_SAFE_INTEGER;
const TIME_SHAPE = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$/;

/** Of an account that is in no books. */
export function nothing(account: number): Timeline {
  const none = { of: [], from: 0, count: 0 };
  return new Timeline(account, { entries: none, limits: none }, { floor: 0, isWhole: true });
}

/** @returns what is wrong with the statement where no state of the account is the one that it shows */
export function statementReading(
  attempt: Attempt,
  statement: StatementSeen,
  timeline: Timeline,
  commands: Commands,
): Reading | string {
  const [newest] = statement.entries;
  const entries = newest === undefined ? 0 : entryOf(timeline, newest.description, commands);
  if (typeof entries === "string") return entries;
  const wrong = wrongEntries(statement, timeline, entries);
  if (wrong !== null) return wrong;

  const positions: number[] = [];
  const inForce: number[] = [];
  for (let m = Math.max(1, timeline.limitsAt(entries - 1)); m <= timeline.limitsAt(entries); m += 1) {
    const { creditLimit } = timeline.limit(m);
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
    words: `the statement of attempt ${attempt.number}`,
    floor: timeline.floor,
    first: (from, to) => positions.find((position) => position >= from && position <= to) ?? null,
  };
}

function entryOf(timeline: Timeline, description: string, commands: Commands): number | string {
  const { account, entry = null } = commands.byDescription(description)?.place ?? {};
  // It may have stood there after an earlier round, and be gone.
  if (account === timeline.account && entry !== null && entry <= timeline.entries) return entry;
  return `its newest entry "${description}" is not in the books of the account`;
}

function wrongEntries(statement: StatementSeen, timeline: Timeline, entries: number): string | null {
  const balance = timeline.balanceAt(entries);
  if (statement.balance !== balance) {
    return `it shows the balance ${statement.balance} after entry ${entries}, where the books have ${balance}`;
  }
  const expected = Math.min(entries, STATEMENT_ENTRIES);
  if (statement.entries.length !== expected) {
    return `it shows ${statement.entries.length} entries up to entry ${entries}, not ${expected}`;
  }
  for (const [index, shown] of statement.entries.entries()) {
    const entry = timeline.entry(entries - index);
    const isSame =
      shown.kind === entry.kind &&
      shown.value === entry.value &&
      shown.description === entry.description &&
      shown.time === timestamp(entry.time);
    if (!isSame)
      return `in place ${index + 1} it shows ${shownWords(shown)}, where the books have ${booksWords(entry)}`;
  }
  if (!TIME_SHAPE.test(statement.readAt)) return `its time "${statement.readAt}" is none`;
  // Times of this form are in the order of their texts.
  const newest = statement.entries[0]?.time ?? "";
  if (statement.readAt < newest)
    return `its time ${statement.readAt} is before that of its newest entry, ${newest}`;
  return null;
}

function shownWords({ kind, value, description, time }: StatementSeen["entries"][number]): string {
  return `a ${kind} of ${value} "${description}" at ${time}`;
}

function booksWords({ seq, kind, value, description, time }: EntrySeen): string {
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

function refusalReading({ command, problem, ...between }: Refusal, timeline: Timeline): Reading {
  const what = command === null ? "a statement" : commandWords(command);
  return {
    type: "refusal",
    words: `${what} was refused (${attemptWords(between.attempts)}): ${problem}`,
    ...between,
    first: (from, to) => {
      for (let position = from; position <= to; position += 1) {
        if (refuses(timeline.stateAt(position), command, problem)) return position;
      }
      return null;
    },
  };
}

/** A statement that was told that there is no such account. */
export function unknownAccountReading(attempt: Attempt, problem: string, timeline: Timeline): Reading {
  const { sentAt: begin, endedAt: end, number } = attempt;
  const floor = timeline.floor;
  return refusalReading({ command: null, problem, begin, end, attempts: [number], floor }, timeline);
}

/**
 * The refusals of a command that were decided in this round. Those that are replayed are of the same moment; it is
 * not known which, where nobody was told when it was decided: then it lies after the first attempt of all.
 *
 * @param isTold an earlier round had the refusal already, and it was held against its account there
 */
export function refusalReadings(asked: Asked, isTold: boolean, timeline: Timeline): Reading[] {
  const readings: Reading[] = [];
  const replayed: { readonly number: number; readonly endedAt: number; readonly problem: string }[] = [];
  const command = asked.operation;
  for (const { answer, number, sentAt: begin, endedAt: end } of asked.attempts) {
    if (answer.type !== "refused") continue;
    const { problem } = answer;
    if (answer.replayed) replayed.push({ number, endedAt: end, problem });
    else {
      const floor = timeline.floor;
      readings.push(refusalReading({ command, problem, begin, end, attempts: [number], floor }, timeline));
    }
  }
  const [first] = replayed.toSorted((a, b) => a.endedAt - b.endedAt);
  if (readings.length > 0 || isTold || first === undefined) return readings;
  const sent = asked.attempts.filter(({ answer }) => answer.type !== "not-done").map(({ sentAt }) => sentAt);
  const begin = asked.open ? -Infinity : Math.min(...sent);
  const floor = asked.open ? asked.floor : timeline.floor;
  const { problem, endedAt: end } = first;
  const attempts = replayed.map(({ number }) => number);
  return [refusalReading({ command, problem, begin, end, attempts, floor }, timeline)];
}
