import type { Span } from "./placed-event.ts";
import type { RoundFindings } from "./round-violations.ts";

/** An operation, with the times of its request and its answer by the clients' clock. */
interface TimedOperation {
  /** -Infinity: before this round. */
  readonly begin: number;
  /** Infinity: no client got an answer. */
  readonly end: number;
  readonly attempts: readonly number[];
  readonly text: string;
  readonly shard: number;
}

/** What has an event: also a refusal under a key. */
export interface TimedChange extends TimedOperation {
  readonly type: "change";
  /** The position of its event in the journal. */
  readonly position: number;
}

export interface Observation extends TimedOperation {
  /** `acceptance`: of a command that found something there in order, and is decided on another shard. */
  readonly type: "statement" | "refusal" | "acceptance";
  /** The first position from `from` to `to` at which the ledger is as it saw it; null if there is none. */
  readonly first: (from: number, to: number) => number | null;
}

/**
 * Checks linearizability of one shard: whether all that was answered can have happened in the order of its journal, each
 * operation at one moment between its request and its answer.
 *
 * The journal gives the order of the changes, of all accounts, so only observations have a choice of position: what was
 * read, and refusals without a key, which saw a ledger that forbade the command; of what is decided across shards also what
 * the others of them saw. An operation that ended before another
 * began comes first. Each observation gets the earliest position that everything before it allows: if any choice works,
 * this one does, since a later position would only rule out more. Its latest possible position is the one before any
 * change that was requested after its end.
 *
 * @param span of the shard's events of this round
 */
export function checkLinearizability(
  span: Span,
  changes: readonly TimedChange[],
  observations: readonly Observation[],
  findings: RoundFindings,
): void {
  const operations = [...changes, ...observations].filter(({ begin, end }) => begin <= end);
  operations.sort((a, b) => a.begin - b.begin);
  const ended = operations.toSorted((a, b) => a.end - b.end);
  const changeAfter = earliestChangeAfter(changes);
  const placed = new Map<TimedChange | Observation, number>();
  let at = 0;
  /** Of the operations that have ended, the one with the latest position. */
  let last: { readonly position: number; readonly of: TimedChange | Observation } | null = null;

  for (const operation of operations) {
    for (let other = ended[at]; other !== undefined && other.end < operation.begin; other = ended[at]) {
      const position = placed.get(other);
      if (position !== undefined && position > (last?.position ?? -1)) last = { position, of: other };
      at += 1;
    }
    if (operation.type === "change") {
      placed.set(operation, operation.position);
      if (last !== null && last.position >= operation.position) {
        findings.add(
          "order-reversed",
          `${operation.text} is event ${operation.position}, before ${last.of.text}, which had ended before it was sent.`,
          [...last.of.attempts, ...operation.attempts],
        );
      }
      continue;
    }
    const from = Math.max(span.from, last?.position ?? 0);
    const next = changeAfter(operation.end);
    const to = Math.min(span.to, next === null ? Infinity : next.position - 1);
    const position = operation.first(from, to);
    if (position !== null) placed.set(operation, position);
    else addViolation(operation, { from, to, last: last?.of ?? null, next }, span, findings);
  }
}

interface Range {
  readonly from: number;
  readonly to: number;
  readonly last: TimedChange | Observation | null;
  readonly next: TimedChange | null;
}

function addViolation(
  observation: Observation,
  { from, to, last, next }: Range,
  span: Span,
  findings: RoundFindings,
): void {
  const numbers = [...observation.attempts, ...(last?.attempts ?? [])];
  const after = last === null ? "what stood before this round" : last.text;
  if (observation.type !== "statement") {
    const bounds =
      from > to ? "no event" : `none of the events ${from} to ${to}, which it may have followed,`;
    const detail = `${observation.text}: ${bounds} gives a reason for it. The earliest is that of ${after}.`;
    findings.add(`impossible-${observation.type}`, detail, numbers);
    return;
  }
  const seen = observation.first(span.from, span.to);
  if (seen === null) {
    findings.add(
      "impossible-statement",
      `${observation.text} is how nothing ever was.`,
      observation.attempts,
    );
  } else if (seen < from) {
    const detail = `${observation.text} is as after event ${seen}, which is older than event ${from}: ${after} had ended before it was asked for.`;
    findings.add("stale-statement", detail, numbers);
  } else {
    const detail = `${observation.text} is as after event ${seen}, though event ${to + 1} was asked for only after its end: ${next?.text ?? "nothing"}.`;
    findings.add("order-reversed", detail, [...observation.attempts, ...(next?.attempts ?? [])]);
  }
}

/** @returns a function that gives, for a time, the first in the journal of the changes that began after it */
function earliestChangeAfter(changes: readonly TimedChange[]): (moment: number) => TimedChange | null {
  const sorted = changes.toSorted((a, b) => a.begin - b.begin);
  const earliest: TimedChange[] = [];
  for (const change of sorted.toReversed()) {
    const later = earliest.at(-1);
    earliest.push(later !== undefined && later.position < change.position ? later : change);
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
