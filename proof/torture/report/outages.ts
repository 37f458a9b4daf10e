import { tortureBounds } from "../torture-bounds.ts";
import type { FaultRecord } from "../plan/fault.ts";
import type { Attempt } from "../clients/history.ts";

/** How long nothing was decided, for a fault. */
export interface Outage {
  readonly milliseconds: number;
  /** It was not over when the load ended: it took at least so long. */
  readonly open: boolean;
  /** Nothing else was harmed until it was over, and what was harmed before had been: something was decided since. */
  readonly alone: boolean;
}

/** When transactions were decided, accepted or refused, rising, by performance.now(). */
export function decisionsOf(attempts: readonly Attempt[]): readonly number[] {
  return attempts
    .filter(
      ({ operation, answer }) =>
        operation.type === "transact" && (answer.type === "accepted" || answer.type === "refused"),
    )
    .map(({ endedAt }) => endedAt)
    .toSorted((a, b) => a - b);
}

/**
 * The longest time without any decision that began between the beginning of a fault and a while after its end. What
 * goes on at the same time shares it; what begins with the next fault, or later, is that one's.
 *
 * @param faults of the same round, this one among them
 * @param loadEndedAt nothing was asked for any more from then on
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
  // The load ends with whatever was asked for last, a moment after the last decision.
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
