import { z } from "zod";
import table from "../official-results.json" with { type: "json" };

/** One participant's result in the contest's final run. The contest published whole milliseconds. */
export interface OfficialResult {
  readonly participant: string;
  readonly requests: number;
  readonly failures: number;
  readonly p50Ms: number;
  readonly p75Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

const amount = z.int().nonnegative();
/** In the order of the file's `columns`. */
const Row = z.tuple([z.string(), amount, amount, amount, amount, amount, amount, amount, amount]);

export const officialSource: string = table.source;

export const officialResults: readonly OfficialResult[] = table.rows.map((row) => {
  const [participant, requests, failures, , p50Ms, p75Ms, p95Ms, p99Ms, maxMs] = Row.parse(row);
  return { participant, requests, failures, p50Ms, p75Ms, p95Ms, p99Ms, maxMs };
});

export const withoutFailure: readonly OfficialResult[] = officialResults.filter((one) => one.failures === 0);
