/**
 * Invented results that look like real ones: a ramp, a steady phase, a slow start, an occasional pause. The same seed
 * gives the same result.
 */
import type {
  Failure,
  RequestKind,
  KindResult,
  LatencySummary,
  RunResult,
  SecondResult,
} from "../../../proof/load-test/run-result.ts";

export interface Circumstances {
  readonly seed: number;
  /** Length of each of the two phases. */
  readonly phaseSeconds: number;
  /** The median latency. */
  readonly typicalMs: number;
  /** Seconds in which the server paused for `pauseMs`. */
  readonly pausesAt: readonly number[];
  readonly pauseMs: number;
  readonly failures: readonly Failure[];
  readonly failuresTotal: number;
  /** Of the two phases together; shorter than both if the run was interrupted. */
  readonly measuredSeconds: number;
  readonly generatorDelayP99Ms: number;
  readonly url: string;
}

const usual: Circumstances = {
  seed: 42,
  phaseSeconds: 120,
  typicalMs: 0.6,
  pausesAt: [57, 171],
  pauseMs: 18,
  failures: [],
  failuresTotal: 0,
  measuredSeconds: 240,
  generatorDelayP99Ms: 0.31,
  url: "http://127.0.0.1:9999",
};

interface Sample {
  readonly kind: RequestKind;
  readonly second: number;
  readonly milliseconds: number;
  readonly outcome: string;
  readonly failed: boolean;
}

const ramps: readonly (readonly [RequestKind, number])[] = [
  ["debit", 220],
  ["credit", 110],
  ["statement", 10],
];

export function runResult(changes: Partial<Circumstances> = {}): RunResult {
  const given = { ...usual, ...changes };
  const random = mulberry32(given.seed);
  const samples: Sample[] = [];
  for (let second = 0; second < given.measuredSeconds; second++) {
    for (const [kind, peak] of ramps) {
      const perSecond = 1 + (peak - 1) * Math.min(1, (second + 0.5) / given.phaseSeconds);
      for (let nth = 0; nth < Math.round(perSecond); nth++) samples.push(sample(given, random, kind, second));
    }
  }
  spreadFailures(samples, given.failuresTotal, random);
  const checks = given.measuredSeconds > 0 ? checkSamples(random) : [];
  const kinds = (["debit", "credit", "statement", "check"] as const).map((kind) =>
    kindResult(
      kind,
      [...samples, ...checks].filter((one) => one.kind === kind),
    ),
  );
  const slow = samples.filter((one) => one.failed || one.milliseconds > 250).length;
  const shareUnder250ms = samples.length === 0 ? 1 : 1 - slow / samples.length;
  const inconsistencies = given.failures.filter((one) => one.inconsistency).length;
  const fineForLatencyUsd = Math.max(0, (98 - shareUnder250ms * 100) * 1000);
  const fineForInconsistenciesUsd = inconsistencies * 803.01;
  const complete = given.measuredSeconds === 2 * given.phaseSeconds;
  return {
    format: "razonete-load-1",
    url: given.url,
    seed: given.seed,
    scale: given.phaseSeconds / 120,
    rate: 1,
    command: `npm run rinha -- --url ${given.url} --seed ${given.seed} --scale ${given.phaseSeconds / 120}`,
    startedAt: "2026-11-22T13:02:40.217Z",
    durationSeconds: given.measuredSeconds === 0 ? 0.4 : given.measuredSeconds + 2.3,
    complete,
    machine: { cpu: "AMD EPYC 7R13", cores: 2, memoryBytes: 8 * 2 ** 30 },
    verdict: {
      passed: complete && given.failuresTotal === 0,
      shareUnder250ms,
      inconsistencies,
      fineForLatencyUsd,
      fineForInconsistenciesUsd,
      paymentUsd: Math.max(0, 100_000 - fineForLatencyUsd - fineForInconsistenciesUsd),
    },
    total: kindResult("total", [...samples, ...checks]),
    kinds,
    timeline: timeline(given, samples),
    distribution: distribution(samples),
    failures: given.failures,
    failuresTotal: given.failuresTotal,
    generator: {
      delayP50Ms: given.generatorDelayP99Ms / 4,
      delayP99Ms: given.generatorDelayP99Ms,
      delayMaxMs: given.generatorDelayP99Ms * 9,
      bottleneck: given.generatorDelayP99Ms >= 2,
    },
  };
}

function sample(given: Circumstances, random: () => number, kind: RequestKind, second: number): Sample {
  const cold = second < 3 ? 3 : 1;
  const tail = Math.exp(0.32 * normal(random) + (random() < 0.01 ? 1.4 * random() : 0));
  const paused = given.pausesAt.includes(second) && random() < 0.2 ? random() * given.pauseMs : 0;
  const milliseconds = given.typicalMs * cold * tail * (kind === "statement" ? 0.7 : 1) + paused;
  const outcome = kind === "debit" && random() < 0.31 ? "422" : "200";
  return { kind, second, milliseconds, outcome, failed: false };
}

function spreadFailures(samples: Sample[], failures: number, random: () => number): void {
  const outcomes = ["timeout", "connection reset", "500", "200"];
  for (let nth = 0; nth < Math.min(failures, samples.length); nth++) {
    const place = Math.floor(samples.length * (0.5 + random() / 2));
    const hit = samples[place];
    if (hit === undefined || hit.failed) continue;
    const outcome = outcomes[nth % outcomes.length] ?? "500";
    samples[place] = { ...hit, outcome, failed: true };
  }
}

/** The checks before the load: twice 25 concurrent requests, then those of the five accounts. */
function checkSamples(random: () => number): Sample[] {
  return Array.from({ length: 118 }, (_, nth) => ({
    kind: "check",
    second: 0,
    milliseconds: 1 + random() * 4,
    outcome: nth % 5 === 4 ? "422" : nth === 0 ? "404" : "200",
    failed: false,
  }));
}

function kindResult(kind: KindResult["kind"], samples: readonly Sample[]): KindResult {
  const outcomes: Record<string, number> = {};
  for (const { outcome } of samples) outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  return {
    kind,
    requests: samples.length,
    failures: samples.filter((one) => one.failed).length,
    latency: summary(samples) ?? { meanMs: 0, p50Ms: 0, p75Ms: 0, p95Ms: 0, p99Ms: 0, maxMs: 0 },
    outcomes,
  };
}

function timeline(given: Circumstances, samples: readonly Sample[]): SecondResult[] {
  const bySecond = Map.groupBy(samples, (one) => one.second);
  return Array.from({ length: given.measuredSeconds }, (_, second) => {
    const due = bySecond.get(second) ?? [];
    const failures = due.filter((one) => one.failed).length;
    return {
      second,
      phase: second < given.phaseSeconds ? "ramp" : "steady",
      offered: due.length,
      answered: due.length - failures,
      failures,
      latency: summary(due),
    };
  });
}

function distribution(samples: readonly Sample[]): RunResult["distribution"] {
  const sorted = latencies(samples);
  if (sorted.length === 0) return [];
  const percentiles = [0, 10, 20, 30, 40];
  for (let open = 50; open > 0.005; open *= 0.87) percentiles.push(100 - open);
  return [...percentiles, 99.99, 100]
    .toSorted((a, b) => a - b)
    .map((percentile) => ({ percentile, milliseconds: at(sorted, percentile) }));
}

function summary(samples: readonly Sample[]): LatencySummary | null {
  const sorted = latencies(samples);
  if (sorted.length === 0) return null;
  return {
    meanMs: sorted.reduce((sum, one) => sum + one, 0) / sorted.length,
    p50Ms: at(sorted, 50),
    p75Ms: at(sorted, 75),
    p95Ms: at(sorted, 95),
    p99Ms: at(sorted, 99),
    maxMs: at(sorted, 100),
  };
}

function latencies(samples: readonly Sample[]): number[] {
  return samples.map((one) => one.milliseconds).toSorted((a, b) => a - b);
}

function at(sorted: readonly number[], percentile: number): number {
  return sorted[Math.max(0, Math.ceil((percentile / 100) * sorted.length) - 1)] ?? 0;
}

function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** A small generator of pseudo-random numbers from 0 to under 1. */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
