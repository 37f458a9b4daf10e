import { Latencies } from "./latencies.ts";
import type { LatencySummary, SecondResult } from "../run-result.ts";
import { rampSeconds, type LoadShape } from "../phases/schedule.ts";

interface UnsettledSecond {
  readonly latencies: Latencies;
  /** Due, but not yet settled. */
  waiting: number;
}

/**
 * Statistics for each second of the load. The distribution of a second is kept only until all requests that were due
 * in it are settled. Then only its summary remains, and its memory is reused for another second.
 */
export class PerSecondStatistics {
  readonly #rampSeconds: number;
  readonly #offered: number[] = [];
  readonly #answered: number[] = [];
  readonly #failures: number[] = [];
  readonly #summaries: (LatencySummary | null)[] = [];
  readonly #unsettled = new Map<number, UnsettledSecond>();
  readonly #spare: Latencies[] = [];
  #current = 0;

  constructor(shape: LoadShape) {
    this.#rampSeconds = rampSeconds(shape);
  }

  /** A request is sent. Call in the order of due times. */
  addSent(dueMs: number): void {
    const second = Math.floor(dueMs / 1000);
    this.#current = second;
    count(this.#offered, second);
    const unsettled = this.#unsettled.get(second);
    if (unsettled === undefined)
      this.#unsettled.set(second, { latencies: this.#spare.pop() ?? new Latencies(), waiting: 1 });
    else unsettled.waiting += 1;
  }

  /**
   * @param endMs since the start of the ramp, like `dueMs`
   * @param answered whether there was an answer, right or wrong
   */
  addOutcome(dueMs: number, endMs: number, answered: boolean, failed: boolean): void {
    const second = Math.floor(dueMs / 1000);
    if (answered) count(this.#answered, Math.floor(endMs / 1000));
    if (failed) count(this.#failures, second);
    const unsettled = this.#unsettled.get(second);
    if (unsettled === undefined) return;
    unsettled.latencies.add(endMs - dueMs);
    unsettled.waiting -= 1;
    // Done here and not when a second begins, where it would delay the requests that are due at its start.
    for (const [earlier, { waiting }] of this.#unsettled) {
      if (earlier < this.#current && waiting === 0) this.#close(earlier);
    }
  }

  /** A request has no outcome because the run was interrupted. It is not counted at all. */
  addCancelled(dueMs: number): void {
    const second = Math.floor(dueMs / 1000);
    const unsettled = this.#unsettled.get(second);
    if (unsettled !== undefined) unsettled.waiting -= 1;
    this.#offered[second] = (this.#offered[second] ?? 0) - 1;
  }

  seconds(): SecondResult[] {
    for (const second of this.#unsettled.keys()) this.#close(second);
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
    const latencies = this.#unsettled.get(second)?.latencies;
    if (latencies === undefined) return;
    this.#unsettled.delete(second);
    this.#summaries[second] = latencies.count === 0 ? null : latencies.summary();
    latencies.clear();
    this.#spare.push(latencies);
  }
}

function count(counts: number[], index: number): void {
  while (counts.length <= index) counts.push(0);
  counts[index] = (counts[index] ?? 0) + 1;
}
