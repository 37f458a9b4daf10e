import table from "./official-results.json" with { type: "json" };

/** One participant's result in the final run of the contest, which published whole milliseconds. */
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

export const officialSource: string = table.source;

export const officialResults: readonly OfficialResult[] = table.rows.map((row) => ({
  participant: String(row[table.columns.indexOf("participant")]),
  requests: amount(row, "requests"),
  failures: amount(row, "failures"),
  p50Ms: amount(row, "p50_ms"),
  p75Ms: amount(row, "p75_ms"),
  p95Ms: amount(row, "p95_ms"),
  p99Ms: amount(row, "p99_ms"),
  maxMs: amount(row, "max_ms"),
}));

export const withoutFailure: readonly OfficialResult[] = officialResults.filter((one) => one.failures === 0);

function amount(row: readonly (string | number)[], column: string): number {
  const value = row[table.columns.indexOf(column)];
  if (typeof value === "number") return value;
  throw new Error(`official-results.json: ${row[0]} has no number as ${column}`);
}
