import type { RoundFindings } from "./round-violations.ts";
import type { AccountStates } from "./account-states.ts";

/** An operation on one account, with the times of its request and its answer by the clients' clock. */
interface TimedOperation {
  /** -Infinity: before this round. */
  readonly begin: number;
  /** Infinity: no client got an answer. */
  readonly end: number;
  readonly attempts: readonly number[];
  readonly text: string;
}

export interface TimedChange extends TimedOperation {
  readonly type: "change";
  /** Its number among the account's changes. */
  readonly change: number;
}

export interface Observation extends TimedOperation {
  readonly type: "statement" | "refusal";
  /** The earliest state that it can have seen. */
  readonly earliest: number;
  /** The first state from `from` to `to` that it may have seen; null if there is none. */
  readonly first: (from: number, to: number) => number | null;
}

/**
 * Checks linearizability: whether the answers on an account can have happened in the order of the books, each operation
 * at one moment between its request and its answer.
 *
 * The books give the order of the changes, so only observations have a choice of state: statements, and refusals, which
 * saw a state that forbade the command. An operation that ended before another began comes first. Each observation gets
 * the earliest state that everything before it allows: if any choice works, this one does, since a later state would
 * only rule out more. Its latest possible state is the one before any change that was requested after its end.
 */
export function checkLinearizability(
  states: AccountStates,
  changes: readonly TimedChange[],
  observations: readonly Observation[],
  findings: RoundFindings,
): void {
  const operations = [...changes, ...observations].filter(({ begin, end }) => begin <= end);
  operations.sort((a, b) => a.begin - b.begin);
  const ended = operations.toSorted((a, b) => a.end - b.end);
  const changeAfter = earliestChangeAfter(changes);
  const positions = new Map<TimedChange | Observation, number>();
  let at = 0;
  /** Of the operations that have ended, the one with the latest state. */
  let last: { readonly position: number; readonly of: TimedChange | Observation } | null = null;

  for (const operation of operations) {
    for (let other = ended[at]; other !== undefined && other.end < operation.begin; other = ended[at]) {
      const position = positions.get(other);
      if (position !== undefined && position > (last?.position ?? -1)) last = { position, of: other };
      at += 1;
    }
    if (operation.type === "change") {
      positions.set(operation, operation.change);
      if (last !== null && last.position >= operation.change) {
        findings.add(
          "order-reversed",
          `${operation.text} is change ${operation.change} of account ${states.account}, before ${last.of.text}, which had ended before it was sent.`,
          [...last.of.attempts, ...operation.attempts],
        );
      }
      continue;
    }
    const from = Math.max(operation.earliest, last?.position ?? 0);
    const next = changeAfter(operation.end);
    const to = Math.min(states.changes, next === null ? Infinity : next.change - 1);
    const position = operation.first(from, to);
    if (position !== null) positions.set(operation, position);
    else addViolation(operation, { from, to, last: last?.of ?? null, next }, states, findings);
  }
}

interface StateRange {
  readonly from: number;
  readonly to: number;
  readonly last: TimedChange | Observation | null;
  readonly next: TimedChange | null;
}

function addViolation(
  observation: Observation,
  { from, to, last, next }: StateRange,
  states: AccountStates,
  findings: RoundFindings,
): void {
  const of = `of account ${states.account}`;
  const numbers = [...observation.attempts, ...(last?.attempts ?? [])];
  const after = last === null ? "what stood before this round" : last.text;
  if (observation.type === "refusal") {
    const bounds =
      from > to ? "no state" : `none of the states ${from} to ${to} ${of}, which it may have seen,`;
    const detail = `${observation.text}: ${bounds} gives a reason for it. The earliest is that after ${after}.`;
    findings.add("impossible-refusal", detail, numbers);
    return;
  }
  const seen = observation.first(0, states.changes);
  if (seen !== null && seen < from) {
    const detail = `${observation.text} shows state ${seen} ${of}, which is older than state ${from}: ${after} had ended before it was asked for.`;
    findings.add("stale-statement", detail, numbers);
    return;
  }
  const detail = `${observation.text} shows state ${seen} ${of}, though change ${to + 1} was asked for only after its end: ${next?.text ?? "nothing"}.`;
  findings.add("order-reversed", detail, [...observation.attempts, ...(next?.attempts ?? [])]);
}

/** @returns a function that gives, for a time, the first in the books of the changes that began after it */
function earliestChangeAfter(changes: readonly TimedChange[]): (moment: number) => TimedChange | null {
  const sorted = changes.toSorted((a, b) => a.begin - b.begin);
  const earliest: TimedChange[] = [];
  for (const change of sorted.toReversed()) {
    const later = earliest.at(-1);
    earliest.push(later !== undefined && later.change < change.change ? later : change);
  }
  earliest.reverse();
  return (moment) => {
    let [low, high] = [0, sorted.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sorted[middle]?.begin ?? Infinity) > moment) high = middle;
      else low = middle + 1;
    }
    return earliest[low] ?? null;
  };
}
