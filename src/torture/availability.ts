import { limits } from "../limits.ts";
import type { FaultDone } from "./fault.ts";
import type { Attempt } from "./history.ts";

/** How long nothing was decided, for a fault. */
export interface Outage {
  readonly milliseconds: number;
  /** It was not over when the time in which it is looked for was: it took at least so long. */
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
 * The longest time without any decision between the beginning of a fault and a while after its end. What goes on at
 * the same time shares it.
 *
 * @param loadEndedAt nothing was asked for any more from then on
 */
export function outageOf(done: FaultDone, decisions: readonly number[], loadEndedAt: number): Outage {
  const until = Math.min(done.undoneAt + limits.torture_recovery_milliseconds, loadEndedAt);
  let longest: Outage = { milliseconds: 0, open: false };
  let since = done.beganAt;
  for (const decided of [...decisions.filter((at) => at > done.beganAt && at < until), until]) {
    const milliseconds = Math.max(0, decided - since);
    if (milliseconds > longest.milliseconds) longest = { milliseconds, open: decided === until };
    since = decided;
  }
  return longest;
}
