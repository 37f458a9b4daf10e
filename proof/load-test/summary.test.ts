import { expect, test } from "bun:test";
import type { Failure, KindResult, RunResult } from "./run-result.ts";
import { summaryOf } from "./summary.ts";
import { verdictOf } from "./checks/verdict.ts";

const latency = { meanMs: 1.2, p50Ms: 1, p75Ms: 1.5, p95Ms: 2, p99Ms: 3.456, maxMs: 12.5 };

function kind(name: KindResult["kind"], requests: number, failures = 0): KindResult {
  return { kind: name, requests, failures, latency, outcomes: { "200": requests } };
}

const passed: RunResult = {
  format: "razonete-load-1",
  url: "http://127.0.0.1:9999",
  seed: 1,
  scale: 1,
  rate: 1,
  command: "npm run rinha",
  startedAt: "2024-01-17T02:34:41.217Z",
  durationSeconds: 241,
  complete: true,
  machine: { cpu: "a processor", cores: 2, memoryBytes: 4_000_000_000 },
  verdict: verdictOf({ complete: true, requests: 61_380, inTime: 61_380, failures: 0, inconsistencies: 0 }),
  total: kind("total", 61_503),
  kinds: [kind("debit", 39_660), kind("check", 123)],
  timeline: [{ second: 0, phase: "ramp", offered: 3, answered: 3, failures: 0, latency }],
  distribution: [],
  failures: [],
  failuresTotal: 0,
  notes: [],
  generator: { delayP50Ms: 0.25, delayP99Ms: 1.4, delayMaxMs: 5, bottleneck: false },
};

const stale: Failure = {
  check: "statement-stale",
  kind: "statement",
  inconsistency: true,
  atSeconds: 12.345,
  message: "account 3: the statement shows 120, the answer before it said 121",
};

test("a run that passed: a table with aligned columns, and a verdict", () => {
  const lines = summaryOf(passed).split("\n");
  expect(lines.slice(0, 4)).toEqual([
    "        requests  failures  p50 ms  p75 ms  p95 ms  p99 ms  max ms",
    "debits    39,660         0    1.00    1.50    2.00    3.46   12.50",
    "checks       123         0    1.00    1.50    2.00    3.46   12.50",
    "total     61,503         0    1.00    1.50    2.00    3.46   12.50",
  ]);
  expect(lines.slice(-2)).toEqual([
    "PASSED: 0 failures, 0 of them inconsistent balances; 100.00 % answered within 250 ms",
    "The contest would pay USD 100,000.00 (fines USD 0.00). Requests started 0.25 ms after they were due (p99 1.40 ms).",
  ]);
});

test("a run that failed: the messages of the first failures, and how many more there are", () => {
  const failures = Array.from({ length: 1000 }, () => stale);
  const verdict = verdictOf({
    complete: true,
    requests: 61_380,
    inTime: 61_379,
    failures: 1200,
    inconsistencies: 1200,
  });
  const text = summaryOf({ ...passed, failures, failuresTotal: 1200, verdict });
  expect(text).toContain(
    "✗ 12.3 s statement-stale: account 3: the statement shows 120, the answer before it said 121",
  );
  expect(text.match(/✗/g)).toHaveLength(10);
  expect(text).toContain("and 1,190 more failures");
  // Not all were in time, so it must not be rounded up to 100 %.
  expect(text).toContain("FAILED: 1,200 failures, 1,200 of them inconsistent balances; 99.99 % answered");
});

test("the payment of a run that failed is said to be for the fines alone", () => {
  const verdict = verdictOf({
    complete: true,
    requests: 61_380,
    inTime: 61_380,
    failures: 1,
    inconsistencies: 0,
  });
  const last = summaryOf({
    ...passed,
    failures: [{ ...stale, inconsistency: false }],
    failuresTotal: 1,
    verdict,
  });
  expect(last.split("\n").at(-1)).toStartWith(
    "By its fines for slow answers and wrong balances alone, the contest would pay USD 100,000.00 (fines USD 0.00).",
  );
});

test("what could not be checked, and a generator that was too late, are reported", () => {
  const text = summaryOf({
    ...passed,
    notes: ["account 1: 2 transactions had no answer"],
    generator: { ...passed.generator, delayP99Ms: 7, bottleneck: true },
  });
  expect(text).toContain("Note: account 1: 2 transactions had no answer.");
  expect(text).toContain("Warning: this machine was too slow to send on time (p99 7.0 ms late)");
});

test("a run that was interrupted before the load has no share and no payment", () => {
  const verdict = verdictOf({ complete: false, requests: 0, inTime: 0, failures: 0, inconsistencies: 0 });
  const text = summaryOf({ ...passed, complete: false, verdict, timeline: [] });
  expect(text).toContain("The run ended early");
  expect(text).toContain(
    "INTERRUPTED: 0 failures, 0 of them inconsistent balances; the load was not reached",
  );
  expect(text).not.toContain("USD");
});
