import type { RoundFindings } from "./round-violations.ts";
import type { AccountStates } from "./account-states.ts";

/** An operation on one account, between its request and its answer, by the clock of the clients. */
interface TimedOperation {
  /** -Infinity: before this round. */
  readonly begin: number;
  /** Infinity: nobody was told. */
  readonly end: number;
  readonly attempts: readonly number[];
  readonly text: string;
}

export interface TimedChange extends TimedOperation {
  readonly type: "change";
  /** Its place among the account's changes. */
  readonly change: number;
}

export interface Observation extends TimedOperation {
  readonly type: "statement" | "refusal";
  /** No state before this one can be the one that it saw. */
  readonly floor: number;
  /** The first state from `from` to `to` that it may have seen; null for none. */
  readonly first: (from: number, to: number) => number | null;
}

/**
 * Whether what was answered of an account can have happened in the order of the books: each operation at one moment
 * between its request and its answer (linearizability).
 *
 * The books give the order of the changes, so only readings (statements, and refusals, which saw a state that forbade
 * them) have a choice. What has ended before another began comes first. Each reading gets the earliest state that
 * everything before it allows: if any choice is right, this one is, as a later state would only forbid more. The
 * latest that it may have is before each change that was asked for only after its end.
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
  const latestBefore = earliestChangeAfter(changes);
  const positions = new Map<TimedChange | Observation, number>();
  let at = 0;
  /** The one with the latest state among those that have ended. */
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
    const from = Math.max(operation.floor, last?.position ?? 0);
    const next = latestBefore(operation.end);
    const to = Math.min(states.changes, next === null ? Infinity : next.change - 1);
    const position = operation.first(from, to);
    if (position !== null) positions.set(operation, position);
    else tell(operation, { from, to, last: last?.of ?? null, next }, states, findings);
  }
}

interface Bounds {
  readonly from: number;
  readonly to: number;
  readonly last: TimedChange | Observation | null;
  readonly next: TimedChange | null;
}

function tell(
  observation: Observation,
  { from, to, last, next }: Bounds,
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

/** @returns what tells the earliest of the changes that began after a moment */
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
