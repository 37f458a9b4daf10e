import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { RoundVerdict } from "../../src/torture/check.ts";
import { createChecker } from "../../src/torture/checker.ts";
import { testSeed } from "../support/random.ts";
import { type Round, Simulation, type World } from "./simulated-clients.ts";

setDefaultTimeout(60_000);

const firstSeed = testSeed();
const seeds = (count: number) => Array.from({ length: count }, (_, index) => firstSeed + index);

export function check(rounds: readonly Round[]): RoundVerdict[] {
  const checker = createChecker();
  return rounds.map(({ attempts, books, restores }) => checker.round(attempts, books, restores));
}

function simulate(world: World): Round[] {
  return new Simulation(world).run();
}

describe(`no false alarm (seed ${firstSeed})`, () => {
  test("of a ledger that is right", () => {
    for (const seed of seeds(200)) {
      const verdicts = check(simulate({ seed, rounds: 3, attempts: 250 }));
      expect({ seed, violations: verdicts.flatMap(({ violations }) => violations) }).toEqual({
        seed,
        violations: [],
      });
    }
  });
});
