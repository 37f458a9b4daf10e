/**
 * The result of one run of the load test: written with `--json`, shown in the report, and compared with other
 * runs. Unless a name says otherwise, times are in milliseconds from the due time of a request to the end of its
 * answer, including connection set-up.
 */
export interface RunResult {
  /** Changes when readers of the older format would misread the newer one. */
  readonly format: "razonete-load-1";
  readonly url: string;
  readonly seed: number;
  /** Length of the phases, as a share of the contest's (1 = two minutes of ramp, two minutes steady). */
  readonly scale: number;
  /** Requests a second, as a multiple of the contest's (1 = up to 340 a second). */
  readonly rate: number;
  /** A command line that repeats this run. */
  readonly command: string;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly durationSeconds: number;
  /** False if the run was interrupted; the figures then cover what was measured until the interruption. */
  readonly complete: boolean;
  readonly machine: { readonly cpu: string; readonly cores: number; readonly memoryBytes: number };
  readonly verdict: Verdict;
  readonly total: KindResult;
  /** In the order in which they are shown. */
  readonly kinds: readonly KindResult[];
  /** One for each second of the ramp and the steady phase, in order; `second` counts from the ramp's start. */
  readonly timeline: readonly SecondResult[];
  /** Points of the distribution of all latencies, from the least to the greatest, for a percentile plot. */
  readonly distribution: readonly { readonly percentile: number; readonly milliseconds: number }[];
  /** The first failures, in the order in which they were found. `failuresTotal` counts all of them. */
  readonly failures: readonly Failure[];
  readonly failuresTotal: number;
  /** Sentences for a person: what could not be checked, and why. These are not failures. */
  readonly notes?: readonly string[];
  readonly generator: GeneratorResult;
}

export interface Verdict {
  /** The run is complete and has no failure of any kind. */
  readonly passed: boolean;
  /** Share (0 to 1) of all requests of the ramp and the steady phase. A failed request counts as over 250 ms. */
  readonly shareUnder250ms: number;
  readonly inconsistencies: number;
  readonly fineForLatencyUsd: number;
  readonly fineForInconsistenciesUsd: number;
  /** USD 100,000 minus the fines; never below 0. */
  readonly paymentUsd: number;
}

export type RequestKind = "debit" | "credit" | "statement" | "check";

export interface KindResult {
  readonly kind: RequestKind | "total";
  readonly requests: number;
  /** All failures of this kind, also those that belong to no counted request; those of the total are `failuresTotal`. */
  readonly failures: number;
  readonly latency: LatencySummary;
  /** How often each outcome occurred. The key is a status code as text, or the name of a transport failure. */
  readonly outcomes: Readonly<Record<string, number>>;
}

export interface LatencySummary {
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p75Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export interface SecondResult {
  readonly second: number;
  readonly phase: "ramp" | "steady";
  /** Requests due in this second, and answers that came in it. */
  readonly offered: number;
  readonly answered: number;
  readonly failures: number;
  /** Of the requests that were due in this second; null if there were none. */
  readonly latency: LatencySummary | null;
}

export interface Failure {
  /** A stable name for the check that failed, such as `statement-stale` or `limit-passed`. */
  readonly check: string;
  readonly kind: RequestKind;
  /** Counts as a wrong balance, which the contest fines. */
  readonly inconsistency: boolean;
  /** Seconds since the start of the run. */
  readonly atSeconds: number;
  /** One sentence for a person: the account, what was seen, what it should have been. */
  readonly message: string;
}

/** How late the generator itself was: from a request's due time to the start of its connection. */
export interface GeneratorResult {
  readonly delayP50Ms: number;
  readonly delayP99Ms: number;
  readonly delayMaxMs: number;
  /** The generator was so late (delay p99 of 2 ms or more) that the figures are not the server's alone. */
  readonly bottleneck: boolean;
}
