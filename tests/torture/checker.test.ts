import { beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { RoundCounts, RoundVerdict } from "../../proof/torture/check/checker-types.ts";
import { createChecker } from "../../proof/torture/check/checker.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { Random, testSeed } from "../support/random.ts";
import type { Corruption } from "./support/corruptions.ts";
import { type Round, simulate } from "./support/simulated-clients.ts";
import { WRONG_ANSWERS } from "./support/wrong-answers.ts";
import { WRONG_BOOKS } from "./support/wrong-books.ts";

failOnLeaks();
setDefaultTimeout(120_000);

const firstSeed = testSeed();
const HISTORIES = 4;
const TRIES = 2;
/** Where a thing is in none of so many, it is not for chance: what is rarest is in every fourth. */
const HISTORIES_MAX = 150;
const histories: { readonly seed: number; readonly rounds: readonly Round[] }[] = [];

beforeAll(async () => {
  while (histories.length < HISTORIES) await addHistory();
});

/** One more: what is rare may be in none of the first. */
async function addHistory(): Promise<void> {
  const seed = firstSeed + histories.length;
  histories.push({ seed, rounds: await simulate({ seed, rounds: 2, attempts: 200 }) });
}

function check(rounds: readonly Round[]): RoundVerdict[] {
  const checker = createChecker();
  return rounds.map(({ attempts, books, restores }) => checker.round(attempts, books, restores));
}

describe(`the torture's checker (seed ${firstSeed})`, () => {
  test("raises no false alarm of a ledger that is right", () => {
    for (const { seed, rounds } of histories) {
      const violations = check(rounds).flatMap((verdict) => verdict.violations);
      expect({ seed, violations }).toEqual({ seed, violations: [] });
    }
  });

  for (const corruption of [...WRONG_BOOKS, ...WRONG_ANSWERS]) {
    test(`finds that ${corruption.name}`, async () => {
      let { done, missed } = tries(corruption, histories);
      while (done === 0 && histories.length < HISTORIES_MAX) {
        await addHistory();
        ({ done, missed } = tries(corruption, histories.slice(-1)));
      }
      expect(missed).toEqual([]);
      expect(done).toBeGreaterThan(0);
    });
  }

  test("counts what it is given", async () => {
    const [{ rounds } = { rounds: [] }] = histories;
    const [round] = rounds;
    const [verdict] = check(rounds);
    const of = (...types: readonly string[]) =>
      round?.attempts.filter(({ answer }) => types.includes(answer.type)).length ?? 0;
    const { counts } = verdict ?? {};
    expect(counts).toMatchObject({
      requests: round?.attempts.length ?? 0,
      statements: of("statement", "account", "hold", "transaction", "dry-run"),
      notDone: of("not-done"),
      unknown: of("unknown"),
      lost: 0,
      lostNamed: 0,
      doubled: 0,
      excused: 0,
    });
    expect((counts?.accepted ?? 0) + (counts?.refused ?? 0)).toBe(of("accepted", "refused", "batch"));
    // Whether one without an answer was applied is by chance.
    await inSomeHistory("unknown, and applied", ({ unknownApplied }) => unknownApplied > 0);
  });

  test("is given commands of every kind, accepted and refused", async () => {
    const kinds = [
      "transact",
      "transaction",
      "hold",
      "capture",
      "release",
      "reversal",
      "open",
      "atomic batch",
    ];
    for (const kind of kinds)
      for (const of of ["accepted", "refused"] as const)
        await inSomeHistory(`${kind} ${of}`, ({ kinds: found }) => (found[kind]?.[of] ?? 0) > 0);
  });
});

/** Adds histories until there is such a thing in one of them. */
async function inSomeHistory(what: string, isThere: (counts: RoundCounts) => boolean): Promise<void> {
  for (let at = 0; at < HISTORIES_MAX; at += 1) {
    if (at === histories.length) await addHistory();
    if (check(histories[at]?.rounds ?? []).some(({ counts }) => isThere(counts))) return;
  }
  throw new Error(`in none of ${HISTORIES_MAX} histories: ${what}`);
}

/** How often it is found, of how often it could be done to one of the histories. */
function tries(corruption: Corruption, of: typeof histories): { done: number; missed: number[] } {
  const missed: number[] = [];
  let done = 0;
  for (const { seed, rounds } of of) {
    for (let at = 0; at < TRIES; at += 1) {
      const copy = structuredClone([...rounds]);
      if (!corruption.do(copy, new Random(seed * TRIES + at))) continue;
      done += 1;
      const violations = check(copy).flatMap((verdict) => verdict.violations);
      if (!violations.some(({ name }) => corruption.found.includes(name))) missed.push(seed);
    }
  }
  return { done, missed };
}

test("two commands with one mark are not taken", () => {
  const operation = { type: "open", account: null, unit: "TOKENS", name: "same", creditLimit: 1 } as const;
  const answer = { type: "unknown", reason: "" } as const;
  const attempts = [1, 2].map((number) => ({
    number,
    operation,
    key: null,
    by: null,
    sentAt: 1,
    endedAt: 2,
    answer,
  }));
  const books = { accounts: [], entries: [], holds: [], reversals: [], journal: [] };
  expect(() => check([{ attempts, books, restores: [] }])).toThrow('the mark "name same"');
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
