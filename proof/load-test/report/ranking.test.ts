import { expect, test } from "bun:test";
import type { LatencySummary, RunResult } from "../run-result.ts";
import { officialResults, withoutFailure } from "./official-results.ts";
import { rankingOf } from "./ranking.ts";

// As the contest published them: maxwell-fs was the best, with a p99 of 1 ms and a maximum of 31 ms.
const best: LatencySummary = { meanMs: 0.4, p50Ms: 0.4, p75Ms: 0.9, p95Ms: 1.1, p99Ms: 1.2, maxMs: 31 };

test("the official results are complete", () => {
  expect(officialResults).toHaveLength(686);
  expect(withoutFailure).toHaveLength(468);
  expect(officialResults.find((one) => one.participant === "maxwell-fs")).toEqual({
    participant: "maxwell-fs",
    requests: 61503,
    failures: 0,
    p50Ms: 0,
    p75Ms: 1,
    p95Ms: 1,
    p99Ms: 1,
    maxMs: 31,
  });
});

test("a run that equals the best official result shares rank 1 with it", () => {
  const ranking = rankingOf(run(best));
  expect(ranking?.rank).toBe(1);
  expect(ranking?.above).toEqual([]);
  expect(ranking?.below[0]?.participant).toBe("maxwell-fs");
});

test("with equal p99 the lower maximum ranks first", () => {
  const ranking = rankingOf(run({ ...best, maxMs: 34.4 }));
  expect(ranking?.rank).toBe(2);
  expect(ranking?.above.map((one) => one.participant)).toEqual(["maxwell-fs"]);
});

test("a single failure puts the fastest run behind all that had none", () => {
  expect(rankingOf(run(best, { failures: 1 }))?.rank).toBe(withoutFailure.length + 1);
});

test("a failure that belongs to no request counts too", () => {
  expect(rankingOf(run(best, { failuresTotal: 1 }))?.rank).toBe(withoutFailure.length + 1);
});

test("a run that was interrupted or measured nothing has no rank", () => {
  expect(rankingOf(run(best, { complete: false }))).toBeNull();
  expect(rankingOf(run(best, { requests: 0 }))).toBeNull();
});

function run(
  latency: LatencySummary,
  changes: { failures?: number; failuresTotal?: number; requests?: number; complete?: boolean } = {},
): Pick<RunResult, "complete" | "total" | "failuresTotal"> {
  const { failures = 0, failuresTotal = failures, requests = 61503, complete = true } = changes;
  return { complete, failuresTotal, total: { kind: "total", requests, failures, latency, outcomes: {} } };
}
