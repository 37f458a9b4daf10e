import type { Failure, RunResult } from "../../../proof/load-test/run-result.ts";
import { runResult } from "./report-fixtures.ts";

/** Runs that a report must show correctly. */

export const passed: RunResult = runResult();

export const slower: RunResult = runResult({
  seed: 7,
  typicalMs: 2.4,
  pausesAt: [31, 90, 140, 141, 212],
  pauseMs: 160,
  url: "http://10.0.0.7:9999",
});

const sentences = [
  ["statement-stale", "statement", "account 3: the statement shows 120, the answer before it said 121"],
  ["limit-passed", "debit", "account 2: a debit of 9,120 led to -84,031, under the limit of -80,000"],
  ["timeout", "credit", "account 5: no answer to a credit of 4,411 within 60 s"],
  ["connection-dropped", "debit", "account 1: closed before the answer to a debit of 17"],
  ["status", "debit", "account 4: a debit of 2,207 got 500, where 200 or 422 was due"],
] as const;

function someFailures(): Failure[] {
  return Array.from({ length: 20 }, (_, round) =>
    sentences.map(([check, kind, message], nth): Failure => {
      const inconsistency = nth < 2;
      return { check, kind, inconsistency, message, atSeconds: 121 + round * 4.1 + nth * 0.7 };
    }),
  ).flat();
}

export const failed: RunResult = runResult({
  seed: 11,
  typicalMs: 38,
  pausesAt: [133, 134, 135, 180, 181, 182, 183, 184, 185, 200, 201, 202],
  pauseMs: 3200,
  generatorDelayP99Ms: 4.7,
  failuresTotal: 1243,
  failures: someFailures(),
});

const latency = { meanMs: 21, p50Ms: 0.84, p75Ms: 1.04, p95Ms: 11.9, p99Ms: 787.4, maxMs: 3235.6 };
const debits = { meanMs: 21.5, p50Ms: 0.9, p75Ms: 1.1, p95Ms: 12.3, p99Ms: 801.2, maxMs: 3235.6 };
const nothing = { meanMs: 0, p50Ms: 0, p75Ms: 0, p95Ms: 0, p99Ms: 0, maxMs: 0 };

/** A run with fixed figures, so that a test can say what its page must show. */
export const fixed: RunResult = {
  ...failed,
  verdict: {
    passed: false,
    shareUnder250ms: 0.9682504,
    inconsistencies: 40,
    fineForLatencyUsd: 1174.96,
    fineForInconsistenciesUsd: 32_120.4,
    paymentUsd: 66_704.64,
  },
  total: {
    kind: "total",
    requests: 61_503,
    failures: 1243,
    latency,
    outcomes: { timeout: 200, "200": 47_800, "503": 1043, "422": 12_460 },
  },
  kinds: [
    {
      kind: "debit",
      requests: 39_660,
      failures: 1200,
      latency: debits,
      outcomes: { timeout: 200, "200": 26_000, "422": 12_460, "503": 1000 },
    },
    { kind: "check", requests: 0, failures: 0, latency: nothing, outcomes: {} },
  ],
  notes: ["the balance of account 2 could not be told, since 3 of its answers never came"],
  distribution: [
    { percentile: 0, milliseconds: 0.2 },
    { percentile: 50, milliseconds: 0.84 },
    { percentile: 75, milliseconds: 1.04 },
    { percentile: 90, milliseconds: 4 },
    { percentile: 95, milliseconds: 11.9 },
    { percentile: 99, milliseconds: 787.4 },
    { percentile: 99.9, milliseconds: 2900 },
    { percentile: 99.99, milliseconds: 3200 },
    { percentile: 100, milliseconds: 3235.6 },
  ],
};

export const interrupted: RunResult = runResult({ seed: 3, measuredSeconds: 9 });

export const empty: RunResult = runResult({ seed: 5, measuredSeconds: 0 });

/** What a hostile server could put into a message. If any of it ran, the title of the page would change. */
export const hostileText = `</script><script>document.title='owned'</script><img src=x onerror="document.title='owned'"> & '"<!--`;

export const hostile: RunResult = {
  ...runResult({
    seed: 13,
    phaseSeconds: 12,
    measuredSeconds: 24,
    failuresTotal: 1,
    failures: [
      { check: hostileText, kind: "debit", inconsistency: false, atSeconds: 3, message: hostileText },
    ],
    url: `http://127.0.0.1:9999/${hostileText}`,
  }),
  command: hostileText,
  machine: { cpu: hostileText, cores: 1, memoryBytes: 2 ** 30 },
};
