import { tortureBounds } from "../torture-bounds.ts";
import type { FaultRecord } from "../plan/fault.ts";
import { shardOf } from "../../../src/ledger/account-id.ts";
import { shardsOf } from "../clients/operation-shards.ts";
import { isDecided } from "../clients/client-load.ts";
import type { Attempt } from "../clients/history.ts";

/** The time without a decision that a fault caused. */
export interface Outage {
  readonly milliseconds: number;
  /** It was not over when the load ended: it took at least this long. */
  readonly open: boolean;
  /** No other fault was in progress until it was over, and since the end of earlier ones something had been decided. */
  readonly alone: boolean;
  /** The longest time in which a shard that the fault does not touch did not decide; null where it touches all. */
  readonly othersMilliseconds: number | null;
}

/**
 * The times at which each shard decided commands (accepted or refused), sorted, by performance.now(). Of more than one shard
 * only those commands that name one of them.
 */
export function decisionsOf(attempts: readonly Attempt[], shards = 1): readonly (readonly number[])[] {
  const decisions = Array.from({ length: shards }, (): number[] => []);
  for (const { operation, answer, endedAt } of attempts) {
    if (!isDecided(operation, answer)) continue;
    const of =
      shards === 1 ? [0] : operation.type === "batch" ? [] : shardsOf(operation, (id) => shardOf(id, shards));
    // What is refused for an account of one shard says nothing of the others.
    const [shard, ...others] = of;
    if (shard !== undefined && others.length === 0) decisions[shard]?.push(endedAt);
  }
  return decisions.map((times) => times.toSorted((a, b) => a - b));
}

/** Of the shards that a fault touches the longest outage, and beside it the longest of the others. */
export function outageOfShards(
  done: FaultRecord,
  faults: readonly FaultRecord[],
  decisions: readonly (readonly number[])[],
  loadEndedAt: number,
): Outage {
  const touched = done.hit?.shards ?? null;
  const outages = decisions.map((times, shard) => ({
    isTouched: touched === null || touched.includes(shard),
    ...outageOf(done, faults, times, loadEndedAt),
  }));
  const longest = (of: typeof outages) => of.toSorted((a, b) => b.milliseconds - a.milliseconds)[0];
  const others = longest(outages.filter(({ isTouched }) => !isTouched));
  // A machine without a primary touches none.
  const { isTouched: _, ...own } = longest(outages.filter(({ isTouched }) => isTouched)) ?? NO_OUTAGE;
  return { ...own, othersMilliseconds: others?.milliseconds ?? null };
}

const NO_OUTAGE = { isTouched: true, milliseconds: 0, open: false, alone: false };

/**
 * Of one shard the longest time without a decision that began between the beginning of a fault and a while after its end. Faults at
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
): Omit<Outage, "othersMilliseconds"> {
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
