/** Numbers that look random and are the same for the same seed (xorshift32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    // The state must not be 0, and neighbouring seeds should not begin alike.
    this.#state = (Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995) >>> 0 || 1;
  }

  /** An integer from `min` to `max`, both included. */
  integer(min: number, max: number): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x >>> 0;
    return min + (this.#state % (max - min + 1));
  }

  chance(percent: number): boolean {
    return this.integer(1, 100) <= percent;
  }

  pick<T>(values: readonly T[]): T {
    const value = values[this.integer(0, values.length - 1)];
    if (value === undefined) throw new Error("nothing to pick from");
    return value;
  }
}

/** A new seed for each run, or that of `TEST_SEED`, to run a failure again. Show it in the name of the test. */
export function testSeed(): number {
  return Number(process.env["TEST_SEED"] ?? Date.now() % 1_000_000_000);
}
