import type { Findings } from "./round-violations.ts";
import type { Timeline } from "./account-states.ts";

/** An operation on one account, between its request and its answer, by the clock of the clients. */
interface Between {
  /** -Infinity: before this round. */
  readonly begin: number;
  /** Infinity: nobody was told. */
  readonly end: number;
  readonly attempts: readonly number[];
  readonly words: string;
}

export interface ChangeMade extends Between {
  readonly type: "change";
  /** Its place among the account's changes. */
  readonly change: number;
}

export interface Reading extends Between {
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
export function judgeMoments(
  timeline: Timeline,
  changes: readonly ChangeMade[],
  readings: readonly Reading[],
  findings: Findings,
): void {
  const operations = [...changes, ...readings].filter(({ begin, end }) => begin <= end);
  operations.sort((a, b) => a.begin - b.begin);
  const ended = operations.toSorted((a, b) => a.end - b.end);
  const latestBefore = laterChanges(changes);
  const positions = new Map<ChangeMade | Reading, number>();
  let at = 0;
  /** The one with the latest state among those that have ended. */
  let last: { readonly position: number; readonly of: ChangeMade | Reading } | null = null;

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
          `${operation.words} is change ${operation.change} of account ${timeline.account}, before ${last.of.words}, which had ended before it was sent.`,
          [...last.of.attempts, ...operation.attempts],
        );
      }
      continue;
    }
    const from = Math.max(operation.floor, last?.position ?? 0);
    const next = latestBefore(operation.end);
    const to = Math.min(timeline.changes, next === null ? Infinity : next.change - 1);
    const position = operation.first(from, to);
    if (position !== null) positions.set(operation, position);
    else tell(operation, { from, to, last: last?.of ?? null, next }, timeline, findings);
  }
}

interface Bounds {
  readonly from: number;
  readonly to: number;
  readonly last: ChangeMade | Reading | null;
  readonly next: ChangeMade | null;
}

function tell(
  reading: Reading,
  { from, to, last, next }: Bounds,
  timeline: Timeline,
  findings: Findings,
): void {
  const of = `of account ${timeline.account}`;
  const numbers = [...reading.attempts, ...(last?.attempts ?? [])];
  const after = last === null ? "what stood before this round" : last.words;
  if (reading.type === "refusal") {
    const bounds =
      from > to ? "no state" : `none of the states ${from} to ${to} ${of}, which it may have seen,`;
    const detail = `${reading.words}: ${bounds} gives a reason for it. The earliest is that after ${after}.`;
    findings.add("impossible-refusal", detail, numbers);
    return;
  }
  const seen = reading.first(0, timeline.changes);
  if (seen !== null && seen < from) {
    const detail = `${reading.words} shows state ${seen} ${of}, which is older than state ${from}: ${after} had ended before it was asked for.`;
    findings.add("stale-statement", detail, numbers);
    return;
  }
  const detail = `${reading.words} shows state ${seen} ${of}, though change ${to + 1} was asked for only after its end: ${next?.words ?? "nothing"}.`;
  findings.add("order-reversed", detail, [...reading.attempts, ...(next?.attempts ?? [])]);
}

/** @returns what tells the earliest of the changes that began after a moment */
function laterChanges(changes: readonly ChangeMade[]): (moment: number) => ChangeMade | null {
  const sorted = changes.toSorted((a, b) => a.begin - b.begin);
  const earliest: ChangeMade[] = [];
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
