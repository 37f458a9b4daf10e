import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { RoundVerdict } from "../../proof/torture/check/checker-types.ts";
import { createChecker } from "../../proof/torture/check/checker.ts";
import { Random, testSeed } from "../support/random.ts";
import type { Corruption } from "./support/corruptions.ts";
import { type Round, Simulation, type World } from "./support/simulated-clients.ts";
import { withJournals } from "./support/simulated-journal.ts";
import { SimulatedLedger } from "./support/simulated-ledger.ts";
import { SOMETIMES_SEEN } from "./support/sometimes-seen.ts";
import { WRONG_ANSWERS } from "./support/wrong-answers.ts";
import { WRONG_BOOKS } from "./support/wrong-books.ts";

setDefaultTimeout(60_000);

const firstSeed = testSeed();
const seeds = (count: number) => Array.from({ length: count }, (_, index) => firstSeed + index);

function check(rounds: readonly Round[]): RoundVerdict[] {
  const checker = createChecker();
  return withJournals(rounds).map(({ attempts, books, restores }) =>
    checker.round(attempts, books, restores),
  );
}

function simulate(world: World): Round[] {
  return new Simulation(world).run();
}

describe(`no false alarm (seed ${firstSeed})`, () => {
  test("of a ledger that is right", () => {
    for (const seed of seeds(100)) {
      const verdicts = check(simulate({ seed, rounds: 3, attempts: 250 }));
      expect({ seed, violations: verdicts.flatMap(({ violations }) => violations) }).toEqual({
        seed,
        violations: [],
      });
    }
  });
});

/** How often it is found among how many histories that it could be done to. */
function tries(corruption: Corruption, count: number): { done: number; missed: number[] } {
  const missed: number[] = [];
  let done = 0;
  for (const seed of seeds(count)) {
    const rounds = simulate({ seed, rounds: 2, attempts: 150 });
    if (!corruption.do(rounds, new Random(seed))) continue;
    done += 1;
    const violations = check(rounds).flatMap((verdict) => verdict.violations);
    if (!violations.some(({ name }) => corruption.found.includes(name))) missed.push(seed);
  }
  return { done, missed };
}

describe(`every corruption is found (seed ${firstSeed})`, () => {
  for (const corruption of [...WRONG_BOOKS, ...WRONG_ANSWERS]) {
    test(corruption.name, () => {
      const { done, missed } = tries(corruption, 30);
      expect(missed).toEqual([]);
      expect(done).toBeGreaterThan(8);
    });
  }
});

describe(`corruptions that no client needs to see are found mostly (seed ${firstSeed})`, () => {
  for (const [corruption, least] of SOMETIMES_SEEN) {
    test(`${corruption.name}: in ${least} of 100 histories at least`, () => {
      const { done, missed } = tries(corruption, 60);
      expect(done).toBeGreaterThan(20);
      expect((100 * (done - missed.length)) / done).toBeGreaterThanOrEqual(least);
    });
  }
});

describe("what it is given", () => {
  test("is not taken where two commands have one mark", () => {
    const operation = { type: "open", name: "same", creditLimit: 1 } as const;
    const answer = { type: "unknown", reason: "" } as const;
    const attempts = [1, 2].map((number) => ({
      number,
      operation,
      key: null,
      sentAt: 1,
      endedAt: 2,
      answer,
    }));
    const books = new SimulatedLedger().books();
    expect(() => check([{ attempts, books, restores: [] }])).toThrow('the mark "same"');
  });

  test("is not taken where the books are not in order", () => {
    const books = new SimulatedLedger().books();
    const reversed = { ...books, accounts: books.accounts.toReversed() };
    expect(() => check([{ attempts: [], books: reversed, restores: [] }])).toThrow("order of their accounts");
  });

  test("is counted", () => {
    const [round] = simulate({ seed: 1, rounds: 1, attempts: 250 });
    const [verdict] = check(round === undefined ? [] : [round]);
    const counts = verdict?.counts;
    const of = (type: string) => round?.attempts.filter(({ answer }) => answer.type === type).length;
    expect(counts).toEqual({
      requests: round?.attempts.length ?? 0,
      accepted: of("accepted") ?? 0,
      refused: of("refused") ?? 0,
      statements: of("statement") ?? 0,
      notDone: of("not-done") ?? 0,
      unknown: of("unknown") ?? 0,
      unknownApplied: counts?.unknownApplied ?? 0,
      lost: 0,
      lostNamed: 0,
      doubled: 0,
      excused: 0,
    });
    expect(counts?.unknownApplied).toBeGreaterThan(0);
    expect(Math.min(...Object.values(counts ?? {}).slice(0, 7))).toBeGreaterThan(0);
  });
});

test("the model is written apart: the checker runs nothing of the ledger", () => {
  const seen = new Set<string>();
  const folders = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const [, path] of readFileSync(file, "utf8").matchAll(/^import (?!type )[^;]*?from "(\.[^"]+)"/gm)) {
      folders(join(dirname(file), path ?? ""));
    }
  };
  const root = join(import.meta.dir, "../..");
  folders(join(root, "proof/torture/check/checker.ts"));
  const outside = [...seen].filter((file) => !file.startsWith(join(root, "proof/torture/")));
  expect(seen.size).toBeGreaterThan(10);
  expect(outside).toEqual([]);
});
