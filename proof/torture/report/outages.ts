import { tortureBounds } from "../torture-bounds.ts";
import type { FaultRecord } from "../plan/fault.ts";
import { isDecided } from "../clients/client-load.ts";
import type { Attempt } from "../clients/history.ts";

/** The time without a decision that a fault caused. */
export interface Outage {
  readonly milliseconds: number;
  /** It was not over when the load ended: it took at least this long. */
  readonly open: boolean;
  /** No other fault was in progress until it was over, and since the end of earlier ones something had been decided. */
  readonly alone: boolean;
}

/** The times at which commands were decided (accepted or refused), sorted, by performance.now(). */
export function decisionsOf(attempts: readonly Attempt[]): readonly number[] {
  return attempts
    .filter(({ operation, answer }) => isDecided(operation, answer))
    .map(({ endedAt }) => endedAt)
    .toSorted((a, b) => a - b);
}

/**
 * The longest time without a decision that began between the beginning of a fault and a while after its end. Faults at
 * the same time share it. What begins with the next fault, or later, counts for that one.
 *
 * @param faults all of the same round, this one included
 * @param loadEndedAt no request was sent after this
 */
export function outageOf(
  done: FaultRecord,
  faults: readonly FaultRecord[],
  decisions: readonly number[],
  loadEndedAt: number,
): Outage {
  const others = faults.filter((one) => one !== done && one.skipped === null);
  const later = others
    .map(({ beganAt }) => beganAt - tortureBounds.outage_milliseconds_min)
    .filter((at) => at > done.undoneAt);
  const until = Math.min(done.undoneAt + tortureBounds.outage_search_milliseconds, ...later);
  let longest = { from: done.beganAt, to: done.beganAt, open: false };
  let from = done.beganAt;
  const ends = decisions.filter((at) => at > done.beganAt).map((to) => ({ to, open: false }));
  // The load ends with its last request, a moment after the last decision.
  const untilLoadEnded = loadEndedAt - (ends.at(-1)?.to ?? done.beganAt);
  if (untilLoadEnded >= tortureBounds.outage_milliseconds_min) ends.push({ to: loadEndedAt, open: true });
  for (const { to, open } of ends) {
    if (from >= until) break;
    if (to - from > longest.to - longest.from) longest = { from, to, open };
    from = to;
  }
  const decidedBefore = decisions.findLast((at) => at <= done.beganAt) ?? -Infinity;
  const alone = others.every(({ beganAt, undoneAt }) => undoneAt < decidedBefore || beganAt >= longest.to);
  return { milliseconds: longest.to - longest.from, open: longest.open, alone };
}
