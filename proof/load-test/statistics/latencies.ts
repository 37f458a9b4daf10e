import { build, type Histogram } from "hdr-histogram-js";
import type { LatencySummary, RunResult } from "../run-result.ts";

const MICROSECONDS = 1000;
/** Points of the distribution for each halving of the distance to 100 %. */
const TICKS_PER_HALF = 5;

/** A distribution of times. Its size depends on the longest time, not on how many there are. Three digits are exact. */
export class Latencies {
  readonly #histogram: Histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: 2_000_000,
    numberOfSignificantValueDigits: 3,
    bitBucketSize: 32,
    autoResize: true,
    useWebAssembly: false,
  });
  #maxUs = 0;
  /** Stored separately, since the histogram would have to go through all its counts for it. */
  #sumUs = 0;

  add(milliseconds: number): void {
    const us = Math.max(0, Math.round(milliseconds * MICROSECONDS));
    this.#maxUs = Math.max(this.#maxUs, us);
    this.#sumUs += us;
    this.#histogram.recordValue(us);
  }

  get count(): number {
    return this.#histogram.totalCount;
  }

  /** In milliseconds; 0 if there are no values. */
  percentile(percent: number): number {
    // The upper end of a bucket may be above the highest value.
    return Math.min(this.#maxUs, this.#histogram.getValueAtPercentile(percent)) / MICROSECONDS;
  }

  get maxMs(): number {
    return this.#maxUs / MICROSECONDS;
  }

  summary(): LatencySummary {
    return {
      meanMs: this.count === 0 ? 0 : Math.round(this.#sumUs / this.count) / MICROSECONDS,
      p50Ms: this.percentile(50),
      p75Ms: this.percentile(75),
      p95Ms: this.percentile(95),
      p99Ms: this.percentile(99),
      maxMs: this.maxMs,
    };
  }

  /**
   * From the lowest to the highest value, with points closer and closer to 100 %, until no request is beyond the last
   * one.
   */
  distribution(): RunResult["distribution"] {
    const points: { percentile: number; milliseconds: number }[] = [];
    if (this.count === 0) return points;
    for (let half = 1; ; half /= 2) {
      for (let tick = 0; tick < TICKS_PER_HALF; tick++) {
        const percentile = 100 * (1 - half + (half / 2) * (tick / TICKS_PER_HALF));
        points.push({ percentile, milliseconds: this.percentile(percentile) });
      }
      if (half * this.count < 1) break;
    }
    points.push({ percentile: 100, milliseconds: this.maxMs });
    return points;
  }

  clear(): void {
    this.#histogram.reset();
    this.#maxUs = 0;
    this.#sumUs = 0;
  }
}
