import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import type { RandomGenerator } from "pure-rand/types/RandomGenerator";

/** Choices that look random and are the same for the same seed. */
export class Random {
  readonly #generator: RandomGenerator;

  /** @param seed an integer */
  constructor(seed: number) {
    this.#generator = xoroshiro128plus(seed);
  }

  /** An integer from `min` to `max`, both included. */
  integer(min: number, max: number): number {
    return uniformInt(this.#generator, min, max);
  }

  chance(percent: number): boolean {
    return this.integer(1, 100) <= percent;
  }

  /** @throws Error where there is nothing to pick from */
  pick<T>(values: readonly T[]): T {
    const value = values[this.integer(0, values.length - 1)];
    if (value === undefined) throw new Error("nothing to pick from");
    return value;
  }

  /** `count` different ones, in a random order; all of them where there are no more. */
  some<T>(values: readonly T[], count: number): T[] {
    const left = [...values];
    const picked: T[] = [];
    while (picked.length < count && left.length > 0) {
      picked.push(...left.splice(this.integer(0, left.length - 1), 1));
    }
    return picked;
  }

  /** One of them, each as often as its weight says. */
  weighted<T extends { readonly weight: number }>(values: readonly T[]): T {
    const all = values.reduce((sum, { weight }) => sum + weight, 0);
    let left = this.integer(1, Math.max(1, all));
    for (const value of values) {
      left -= value.weight;
      if (left <= 0) return value;
    }
    throw new Error("nothing to pick from");
  }
}
