import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { StartError } from "../../src/errors.ts";
import type { Violation } from "../../proof/torture/check/checker-types.ts";
import type { Fault } from "../../proof/torture/plan/fault.ts";
import type { TortureProgress, TortureOptions, TortureDependencies } from "../../proof/torture/options.ts";
import type { TortureResult } from "../../proof/torture/report/torture-result.ts";
import { torture } from "../../proof/torture/torture.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { dependenciesOf, StandInSystem } from "./support/stand-in-system.ts";

failOnLeaks();
setDefaultTimeout(60_000);

const TIMES = { afterMilliseconds: 300, lastsMilliseconds: 600 };
const OUTAGE: Omit<Fault, "number"> = {
  kind: "kill",
  action: { type: "kill", processes: ["redis"], againAfterMilliseconds: null },
  ...TIMES,
};
const FULL: Omit<Fault, "number"> = {
  kind: "disk",
  action: { type: "disk-full", process: "nats" },
  afterMilliseconds: 100,
  lastsMilliseconds: 300,
};

interface Ran {
  readonly result: TortureResult;
  readonly progress: readonly TortureProgress[];
  readonly system: StandInSystem;
}

/** A run of rounds of a second and a half in this folder. */
async function run(
  folder: string,
  options: Partial<TortureOptions> = {},
  alter: (system: StandInSystem, dependencies: TortureDependencies) => TortureDependencies = (
    _,
    dependencies,
  ) => dependencies,
): Promise<Ran> {
  const system = new StandInSystem();
  const progress: TortureProgress[] = [];
  const result = await torture({
    seconds: 1.5,
    roundSeconds: 1.5,
    // Of a system that is open.
    seed: 12,
    kinds: ["kill", "disk"],
    embedded: false,
    folder: join(folder, "run"),
    dependencies: alter(system, dependenciesOf(system, [OUTAGE, FULL])),
    onProgress: (one) => progress.push(one),
    ...options,
  });
  return { result, progress, system };
}

/** The checker finds this in its second round. */
function findsInRound2(violations: (attempts: readonly number[]) => readonly Violation[]) {
  return (_: StandInSystem, dependencies: TortureDependencies): TortureDependencies => ({
    ...dependencies,
    createChecker: () => {
      const checker = dependencies.createChecker();
      let rounds = 0;
      return {
        round: (attempts, books, restores) => {
          rounds += 1;
          const verdict = checker.round(attempts, books, restores);
          if (rounds < 2) return verdict;
          return { ...verdict, violations: violations(attempts.map(({ number }) => number)) };
        },
      };
    },
  });
}

test("finds nothing where nothing is wrong, and removes the folder", async () => {
  using folder = temporaryFolder();
  const { result, progress, system } = await run(folder.path, { seconds: 3 });
  expect(result).toMatchObject({
    format: "razonete-torture-5",
    command: "npm run torture -- --seconds 3 --seed 12 --faults kill,disk",
    system: "cluster",
    rounds: 2,
    interrupted: false,
    violations: [],
    violationsInAll: 0,
    violatedAfterSeconds: null,
    folder: null,
    cannot: [{ kind: "disk", what: "a full disk", reason: "no mounts here" }],
  });
  expect(result.loadSeconds).toBeWithin(3, 6);
  expect(result.counts.requests).toBeGreaterThan(50);
  expect(result.counts.notDone).toBeGreaterThan(10);
  expect(existsSync(join(folder.path, "run"))).toBe(false);
  expect([system.recoveries, system.stops]).toEqual([2, 1]);
  expect(system.faults.map(({ number }) => number).toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4]);
  const types = new Set(progress.map(({ type }) => type));
  expect([...types].toSorted()).toEqual([
    "fault-begins",
    "fault-ended",
    "load",
    "round-checked",
    "started",
    "starting",
  ]);
});

test("counts each fault, says why some were skipped, and how long nothing was decided", async () => {
  using folder = temporaryFolder();
  const { result } = await run(folder.path, { seconds: 3 });
  const [kill, disk] = result.harms;
  expect(disk).toEqual({
    kind: "disk",
    type: "disk-full",
    target: "nats",
    done: 0,
    skipped: 2,
    reasons: ["no mounts here"],
    outages: [],
  });
  expect(kill).toMatchObject({ kind: "kill", type: "kill", target: "redis", done: 2, skipped: 0 });
  expect(kill?.outages).toHaveLength(2);
  // A client may have asked just before the outage. How soon after it the next one asks is the machine's.
  for (const { milliseconds, open, alone } of kill?.outages ?? []) {
    expect(milliseconds).toBeGreaterThan(TIMES.lastsMilliseconds - 50);
    expect({ open, alone }).toEqual({ open: false, alone: true });
  }
});

test("a violation ends the run after its round; everything is kept and shown", async () => {
  using folder = temporaryFolder();
  const found = findsInRound2((attempts) => [
    { name: "lost", detail: "the credit is not there", attempts: attempts.slice(0, 2) },
    { name: "stale-statement", detail: "older than an answer", attempts: [1] },
  ]);
  const { result, system } = await run(folder.path, { seconds: 6 }, found);
  expect([result.rounds, result.violationsInAll, system.stops]).toEqual([2, 2, 1]);
  expect(result.violatedAfterSeconds).toBeWithin(3, 8);
  expect(result.violations[0]).toMatchObject({ round: 2, name: "lost", detail: "the credit is not there" });
  expect(result.violations[0]?.attempts[0]).toMatch(
    /^attempt \d+, [\d.]+ s to [\d.]+ s: .+ (with|without) .+: /,
  );
  expect(result.violations[1]?.attempts).toEqual(["attempt 1, of an earlier round: see history.jsonl"]);

  expect(result.folder).toBe(join(folder.path, "run"));
  const lines = (name: string) =>
    readFileSync(join(folder.path, "run", name), "utf8")
      .trimEnd()
      .split("\n")
      .map((line): unknown => JSON.parse(line));
  expect(lines("history.jsonl")).toHaveLength(result.counts.requests);
  expect(lines("faults.jsonl")).toHaveLength(4);
  expect(lines("faults.jsonl")).toContainEqual(
    expect.objectContaining({ fault: { number: 1, kind: OUTAGE.kind, harm: OUTAGE.action, ...TIMES } }),
  );
  expect(lines("violations.jsonl")).toHaveLength(2);
  const books: unknown = JSON.parse(readFileSync(join(folder.path, "run", "books.json"), "utf8"));
  expect(books).toEqual(system.ledger.books());
});

describe("what goes wrong with the system is a violation, too:", () => {
  for (const [failure, name, words] of [
    ["recovery", "does-not-heal", "redis does not start"],
    ["audit", "audit", "account 3: the balance is off by one"],
    ["no look", "audit", "the audit could not look: exit code 2"],
    ["no answer", "does-not-heal", "healed, and yet it does not answer"],
    ["no books", "does-not-heal", "postgres does not answer"],
  ] as const) {
    test(failure, async () => {
      using folder = temporaryFolder();
      const { result, system } = await run(folder.path, { seconds: 3 }, (standIn, dependencies) => {
        standIn.failure = failure;
        return dependencies;
      });
      expect(result.violations).toHaveLength(1);
      expect(result.violations[0]?.name).toBe(name);
      expect(result.violations[0]?.detail).toContain(words);
      expect(result.counts.requests).toBeGreaterThan(20);
      expect([result.rounds, system.stops]).toEqual([1, 1]);
      expect(existsSync(join(folder.path, "run", "history.jsonl"))).toBe(true);
    });
  }
});

test("a signal ends it at once: nothing recovers, the system stops, the folder is removed", async () => {
  using folder = temporaryFolder();
  const interruption = new AbortController();
  const began = performance.now();
  const { result, system } = await run(folder.path, {
    seconds: 60,
    roundSeconds: 20,
    signal: interruption.signal,
    onProgress: ({ type }) => {
      if (type === "fault-begins") interruption.abort();
    },
  });
  expect(performance.now() - began).toBeLessThan(5_000);
  expect(result).toMatchObject({ interrupted: true, rounds: 0, violations: [], folder: null });
  expect([system.recoveries, system.stops, system.faults.length]).toEqual([0, 1, 1]);
  expect(existsSync(join(folder.path, "run"))).toBe(false);
});

test("if the checker itself fails, the system stops and the folder stays", async () => {
  using folder = temporaryFolder();
  let system: StandInSystem | null = null;
  const failing = run(folder.path, {}, (standIn, dependencies) => {
    system = standIn;
    return {
      ...dependencies,
      createChecker: () => ({
        round: () => {
          throw new Error("a defect");
        },
      }),
    };
  });
  expect(failing).rejects.toThrow("a defect");
  await failing.catch(() => {});
  expect(system).toMatchObject({ stops: 1 });
  expect(existsSync(join(folder.path, "run", "history.jsonl"))).toBe(true);
});

test("what cannot start is reported in a sentence, with exit code 2", async () => {
  using folder = temporaryFolder();
  const start = (write: boolean) =>
    run(folder.path, {}, (_, dependencies) => ({
      ...dependencies,
      startSystem: (wanted) => {
        if (write) writeFileSync(join(wanted.folder, "redis.log"), "");
        return Promise.reject(new Error("redis-server is missing"));
      },
    })).catch((error: unknown) => error);
  const message = "the system did not start (redis-server is missing)";
  const empty = await start(false);
  expect(empty).toEqual(new StartError(`${message}.`, 2));
  expect(existsSync(join(folder.path, "run"))).toBe(false);
  const logged = await start(true);
  expect(logged).toEqual(new StartError(`${message}; what it said is in ${join(folder.path, "run")}.`, 2));
  const used = await start(false);
  expect(used).toBeInstanceOf(StartError);
  expect(String(used)).toContain("is not empty");
});
