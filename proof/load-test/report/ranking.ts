import type { RunResult } from "../run-result.ts";
import { type OfficialResult, officialResults } from "./official-results.ts";

/**
 * The rank of a run among the official results. The contest ranked by payment, but hundreds of results have the full
 * payment, and the payment was not published. So the order here is: the smaller share of failed requests, then the
 * lower p99, then the lower maximum, with times in whole milliseconds like the official ones. A run that equals an
 * official result shares its rank.
 */
export interface Ranking {
  /** 1 is the best. */
  readonly rank: number;
  readonly run: OfficialResult;
  /** The official results around the run, best first; the run itself is between `above` and `below`. */
  readonly above: readonly OfficialResult[];
  readonly below: readonly OfficialResult[];
}

const neighbours_max = 4;

const ranked = officialResults.toSorted(byRank);

/** Null if a rank would mean nothing: the run was interrupted, or measured no request. */
export function rankingOf(result: Pick<RunResult, "complete" | "total" | "failuresTotal">): Ranking | null {
  if (!result.complete || result.total.requests === 0) return null;
  const { latency } = result.total;
  const run: OfficialResult = {
    participant: "this run",
    requests: result.total.requests,
    // A failed check that belongs to no single request (a wrong balance at the end) is only in the second count.
    failures: Math.max(result.total.failures, result.failuresTotal),
    p50Ms: Math.round(latency.p50Ms),
    p75Ms: Math.round(latency.p75Ms),
    p95Ms: Math.round(latency.p95Ms),
    p99Ms: Math.round(latency.p99Ms),
    maxMs: Math.round(latency.maxMs),
  };
  const better = ranked.filter((one) => byRank(one, run) < 0).length;
  return {
    rank: better + 1,
    run,
    above: ranked.slice(Math.max(0, better - neighbours_max), better),
    below: ranked.slice(better, better + neighbours_max),
  };
}

function byRank(a: OfficialResult, b: OfficialResult): number {
  return a.failures / a.requests - b.failures / b.requests || a.p99Ms - b.p99Ms || a.maxMs - b.maxMs;
}
