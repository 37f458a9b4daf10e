import { limits } from "../limits.ts";
import type { FaultDone } from "./fault.ts";
import type { Attempt } from "./history.ts";

/** How long nothing was decided, for a fault. */
export interface Outage {
  readonly milliseconds: number;
  /** It was not over when the load ended: it took at least so long. */
  readonly open: boolean;
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
 * goes on at the same time shares it; what begins with the next fault, or later, is that one's alone.
 *
 * @param faults of the same round, this one among them
 * @param loadEndedAt nothing was asked for any more from then on
 */
export function outageOf(
  done: FaultDone,
  faults: readonly FaultDone[],
  decisions: readonly number[],
  loadEndedAt: number,
): Outage {
  const later = faults
    .filter(({ skipped }) => skipped === null)
    .map(({ beganAt }) => beganAt - limits.torture_outage_milliseconds_min)
    .filter((at) => at > done.undoneAt);
  const until = Math.min(done.undoneAt + limits.torture_recovery_milliseconds, ...later);
  let longest: Outage = { milliseconds: 0, open: false };
  let since = done.beganAt;
  for (const decided of decisions.filter((at) => at > done.beganAt)) {
    if (since >= until) return longest;
    if (decided - since > longest.milliseconds) longest = { milliseconds: decided - since, open: false };
    since = decided;
  }
  const last = loadEndedAt - since;
  return since < until && last > longest.milliseconds ? { milliseconds: last, open: true } : longest;
}
