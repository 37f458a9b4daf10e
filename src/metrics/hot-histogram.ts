/**
 * Counts values by size, on the way of every request: no object, no text and no label is made for a value. registry.ts
 * gives it a name when somebody looks.
 */
export class HotHistogram {
  /** The greatest value of each bucket, rising. What is greater than the last one has a bucket of its own. */
  readonly bounds: readonly number[];
  readonly counts: Float64Array;
  sum = 0;

  /** @param bounds at most 16: they are looked through one after the other */
  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    const { bounds, counts } = this;
    let bucket = 0;
    while (bucket < bounds.length && value > (bounds[bucket] ?? 0)) bucket += 1;
    counts[bucket] = (counts[bucket] ?? 0) + 1;
    this.sum += value;
  }
}

/** Seconds, from what a request takes on a machine that is idle to where HAProxy gives up. */
export const SECONDS: readonly number[] = [
  0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3,
];

/** Commands in a batch. */
export const COMMANDS: readonly number[] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

/** What is measured of the calls that decide batches. */
export class DecideMeasures {
  /** How many commands a batch has. */
  readonly commands = new HotHistogram(COMMANDS);
  /** How long a call takes that decides one, with what makes it durable. */
  readonly seconds = new HotHistogram(SECONDS);
  /** The part of it that makes it durable, where that is a call of its own. */
  readonly fsyncSeconds = new HotHistogram(SECONDS);
}
