import { expect, test } from "bun:test";
import { CHECKS, type CheckName } from "../../proof/load-test/checks/checks.ts";
import { LoadTest } from "../../proof/load-test/load-test.ts";
import type { RunResult } from "../../proof/load-test/run-result.ts";
import { findTarget } from "../../proof/load-test/http/load-target.ts";
import { LedgerServer } from "./support/server.ts";
import * as wrong from "./support/wrong-servers.ts";

const SEED = 42;

async function run(server: LedgerServer, scale = 0.005): Promise<RunResult> {
  const url = await server.start();
  try {
    return await new LoadTest({ target: await findTarget(url), seed: SEED, scale, rate: 1 }).run();
  } finally {
    await server.stop();
  }
}

function checksOf(result: RunResult): string[] {
  return [...new Set(result.failures.map((failure) => failure.check))].toSorted();
}

function requestsByKind({ kinds }: RunResult): unknown[] {
  return kinds.map(({ kind, requests }) => [kind, requests]);
}

test("a correct server has no failure, and as many requests as the contest counts", async () => {
  const server = new LedgerServer();
  const result = await run(server, 0.01);
  expect(result.failures.filter((failure) => failure.check !== "too-slow")).toEqual([]);
  expect(result.complete).toBe(true);
  expect(result.total.requests).toBe(612 + 123);
  expect(result.notes).toEqual([]);
  // One checks whether anything listens. Before the load there is one for each request, except for the checks of the
  // five accounts: these have one connection each, and one for each of the five concurrent statements. At the end, five.
  expect(server.connections).toBe(1 + 5 + 52 + 5 * (1 + 5) + 1 + 612 + 5);
});

test("a server that closes each connection after its answer is correct too", async () => {
  const result = await run(new wrong.ClosesConnections());
  expect(result.failures.filter((failure) => failure.check !== "too-slow")).toEqual([]);
  expect(result.total.requests).toBe(306 + 123);
});

test("the same seed sends the same requests, and the outcomes are counted by kind", async () => {
  const [first, second] = [await run(new LedgerServer()), await run(new LedgerServer())];
  expect(requestsByKind(second)).toEqual(requestsByKind(first));
  for (const { kind, requests: count, outcomes } of first.kinds) {
    const counted = Object.values(outcomes).reduce((sum, one) => sum + one, 0);
    expect([kind, counted]).toEqual([kind, count]);
  }
  expect(first.timeline.reduce((sum, { offered }) => sum + offered, 0)).toBe(306);
  expect(first.timeline.reduce((sum, { answered }) => sum + answered, 0)).toBe(306);
});

interface Case {
  readonly server: new () => LedgerServer;
  /** All of these must occur among the failures. */
  readonly named: readonly CheckName[];
  /** These may occur as well. No others may. */
  readonly mayName?: readonly CheckName[];
  readonly scale?: number;
}

const cases: readonly Case[] = [
  {
    server: wrong.LosesUpdates,
    named: ["concurrent-balance", "step-claimed-twice", "final-balance"],
    mayName: ["statement-torn", "statement-stale", "statement-order", "refused-without-reason"],
  },
  {
    server: wrong.LosesOneUpdate,
    named: ["step-claimed-twice", "final-balance"],
    mayName: ["statement-torn", "statement-stale", "refused-without-reason"],
  },
  { server: wrong.PassesLimitOnce, named: ["limit-passed"], scale: 0.01 },
  {
    server: wrong.ShowsStaleStatements,
    named: ["statement-stale"],
    mayName: ["concurrent-balance", "final-balance"],
  },
  { server: wrong.CachesStatements, named: ["statement-stale"], mayName: ["final-balance"] },
  { server: wrong.ShowsWrongOrder, named: ["statement-order"] },
  { server: wrong.SwapsTransactions, named: ["statement-order"], mayName: ["statement-torn"] },
  {
    server: wrong.TearsStatements,
    named: ["statement-torn"],
    mayName: ["concurrent-balance", "not-fresh", "final-balance"],
  },
  { server: wrong.ShowsWrongAmounts, named: ["statement-entry"] },
  { server: wrong.KnowsAccount6, named: ["unknown-account-found"] },
  { server: wrong.KnowsNoAccount, named: ["account-missing", "status-unexpected"], mayName: ["too-slow"] },
  { server: wrong.AcceptsFractions, named: ["accepts-fractional-value"] },
  {
    server: wrong.AcceptsAnything,
    named: [
      "accepts-unknown-type",
      "accepts-long-description",
      "accepts-empty-description",
      "accepts-null-description",
    ],
    // Its statements show the description of null.
    mayName: ["answer-malformed"],
  },
  { server: wrong.IsUsedMeanwhile, named: ["not-fresh"], mayName: ["final-balance", "step-claimed-twice"] },
  { server: wrong.ShowsWrongLimit, named: ["limit-wrong"] },
  { server: wrong.RefusesWithoutReason, named: ["refused-without-reason"], mayName: ["status-unexpected"] },
  {
    server: wrong.ChangesWhatItRefuses,
    named: ["final-balance"],
    mayName: ["limit-passed", "statement-torn", "step-claimed-twice", "not-fresh", "statement-stale"],
  },
  { server: wrong.AnswersWithoutBalance, named: ["answer-malformed"], mayName: ["too-slow"] },
  { server: wrong.IsSlowNowAndThen, named: ["too-slow"] },
  { server: wrong.DropsConnections, named: ["connection-dropped"], mayName: ["too-slow"] },
  { server: wrong.FailsNowAndThen, named: ["status-unexpected"], mayName: ["too-slow"] },
  { server: wrong.TalksNonsense, named: ["answer-garbled"], mayName: ["too-slow"] },
  { server: wrong.StopsListening, named: ["connection-refused"], mayName: ["connection-dropped"] },
  { server: wrong.Hangs, named: ["timed-out"], mayName: ["too-slow"] },
  { server: wrong.HangsFromTheStart, named: ["timed-out"], mayName: ["too-slow"] },
];

test("every check has a server that fails it", () => {
  const named = new Set<string>(cases.flatMap((one) => one.named));
  // This one needs a machine without free sockets, not a wrong server: see the tests of the command.
  named.add("no-socket");
  expect(Object.keys(CHECKS).filter((check) => !named.has(check))).toEqual([]);
});

for (const { server: Server, named, mayName = [], scale } of cases) {
  test.concurrent(
    `${Server.name} is caught: ${named.join(", ")}`,
    async () => {
      const result = await run(new Server(), scale);
      const checks = checksOf(result);
      expect(checks).toEqual(expect.arrayContaining([...named]));
      // The machine that runs the tests may be slow itself.
      const allowed = new Set<string>([...named, ...mayName, "too-slow"]);
      expect(checks.filter((check) => !allowed.has(check))).toEqual([]);
      expect(result.verdict.passed).toBe(false);
      expect(result.failuresTotal).toBeGreaterThan(0);
      // The table and the verdict count the same.
      expect(result.total.failures).toBe(result.failuresTotal);
      expect(result.kinds.reduce((sum, { failures }) => sum + failures, 0)).toBe(result.failuresTotal);
    },
    30_000,
  );
}
