import { Latencies } from "./latencies.ts";
import type { LatencySummary, Second } from "../run-result.ts";
import { rampSeconds, type Shape } from "../phases/schedule.ts";

interface OpenSecond {
  readonly latencies: Latencies;
  /** Due, but not yet settled. */
  waiting: number;
}

/**
 * Figures for each second of the load. A second's distribution is kept only until all requests that were due in it
 * are settled; then its summary stands for it, and its memory serves another one.
 */
export class Timeline {
  readonly #rampSeconds: number;
  readonly #offered: number[] = [];
  readonly #answered: number[] = [];
  readonly #failures: number[] = [];
  readonly #summaries: (LatencySummary | null)[] = [];
  readonly #open = new Map<number, OpenSecond>();
  readonly #spare: Latencies[] = [];
  #current = 0;

  constructor(shape: Shape) {
    this.#rampSeconds = rampSeconds(shape);
  }

  /** A request is sent; requests come in the order of their due times. */
  offered(dueMs: number): void {
    const second = Math.floor(dueMs / 1000);
    this.#current = second;
    count(this.#offered, second);
    const open = this.#open.get(second);
    if (open === undefined)
      this.#open.set(second, { latencies: this.#spare.pop() ?? new Latencies(), waiting: 1 });
    else open.waiting += 1;
  }

  /**
   * @param endMs since the start of the ramp, like `dueMs`
   * @param answered there was an answer, right or wrong
   */
  settled(dueMs: number, endMs: number, answered: boolean, failed: boolean): void {
    const second = Math.floor(dueMs / 1000);
    if (answered) count(this.#answered, Math.floor(endMs / 1000));
    if (failed) count(this.#failures, second);
    const open = this.#open.get(second);
    if (open === undefined) return;
    open.latencies.add(endMs - dueMs);
    open.waiting -= 1;
    // Here, not when a second begins: it would hold up the requests that are due at its very start.
    for (const [earlier, { waiting }] of this.#open) {
      if (earlier < this.#current && waiting === 0) this.#close(earlier);
    }
  }

  /** A request that the interruption of the run left without an outcome: it counts nowhere. */
  cancelled(dueMs: number): void {
    const second = Math.floor(dueMs / 1000);
    const open = this.#open.get(second);
    if (open !== undefined) open.waiting -= 1;
    this.#offered[second] = (this.#offered[second] ?? 0) - 1;
  }

  seconds(): Second[] {
    for (const second of this.#open.keys()) this.#close(second);
    const length = Math.max(this.#offered.length, this.#answered.length);
    return Array.from({ length }, (_, second) => ({
      second,
      phase: second < this.#rampSeconds ? "ramp" : "steady",
      offered: this.#offered[second] ?? 0,
      answered: this.#answered[second] ?? 0,
      failures: this.#failures[second] ?? 0,
      latency: this.#summaries[second] ?? null,
    }));
  }

  #close(second: number): void {
    const latencies = this.#open.get(second)?.latencies;
    if (latencies === undefined) return;
    this.#open.delete(second);
    this.#summaries[second] = latencies.count === 0 ? null : latencies.summary();
    latencies.clear();
    this.#spare.push(latencies);
  }
}

function count(counts: number[], index: number): void {
  while (counts.length <= index) counts.push(0);
  counts[index] = (counts[index] ?? 0) + 1;
}
