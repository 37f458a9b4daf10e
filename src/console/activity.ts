import type { ConsoleStatus } from "./console-status.ts";

/** What a process has done since its start, as counters that only grow. */
export interface Activity {
  /** When it was read: milliseconds of a clock that never steps back. */
  readonly at: number;
  readonly transactions: number;
  readonly refusals: number;
  /** How many answers took at most so many seconds, by the upper bounds in order; the last is Infinity, so all. */
  readonly latency: readonly { readonly seconds: number; readonly count: number }[];
}

/** What was done between two readings of a process. */
export interface Done {
  readonly seconds: number;
  readonly transactions: number;
  readonly refusals: number;
  readonly latency: Activity["latency"];
}

export function doneBetween(before: Activity, after: Activity): Done {
  const earlier = new Map(before.latency.map(({ seconds, count }) => [seconds, count]));
  // A process that was started again counts from 0.
  const isNew = after.transactions < before.transactions || after.refusals < before.refusals;
  const grown = (now: number, then: number): number => (isNew || now < then ? now : now - then);
  return {
    seconds: (after.at - before.at) / 1000,
    transactions: grown(after.transactions, before.transactions),
    refusals: grown(after.refusals, before.refusals),
    latency: after.latency.map(({ seconds, count }) => ({
      seconds,
      count: grown(count, earlier.get(seconds) ?? 0),
    })),
  };
}

/** Of all processes together, as rates. */
export function secondOf(all: readonly Done[]): ConsoleStatus["second"] {
  const rate = (count: (done: Done) => number): number =>
    all.reduce((sum, done) => sum + (done.seconds > 0 ? count(done) / done.seconds : 0), 0);
  const latency = new Map<number, number>();
  for (const done of all)
    for (const { seconds, count } of done.latency) latency.set(seconds, (latency.get(seconds) ?? 0) + count);
  const buckets = [...latency].toSorted(([a], [b]) => a - b);
  return {
    transactions: rounded(rate(({ transactions }) => transactions)),
    refusals: rounded(rate(({ refusals }) => refusals)),
    p50_ms: quantile(0.5, buckets),
    p99_ms: quantile(0.99, buckets),
  };
}

/**
 * Within a bucket answers count as spread evenly; beyond the last bound, as that bound.
 *
 * @returns milliseconds; `null` where there was nothing
 */
function quantile(
  part: number,
  buckets: readonly (readonly [seconds: number, count: number])[],
): number | null {
  const all = buckets.at(-1)?.[1] ?? 0;
  if (all <= 0) return null;
  const wanted = part * all;
  let [low, below] = [0, 0];
  for (const [seconds, count] of buckets) {
    if (count >= wanted) {
      if (seconds === Infinity) break;
      const share = count === below ? 1 : (wanted - below) / (count - below);
      return rounded((low + (seconds - low) * share) * 1000);
    }
    [low, below] = [seconds, count];
  }
  return rounded(low * 1000);
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
