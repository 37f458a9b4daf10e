/** Median and range of repeated measurements. A wide range means that the machine was busy with other things. */
export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly greatest: number;
}

/** @param values at least one; without values all three are 0 */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const lower = sorted.at(Math.floor((sorted.length - 1) / 2)) ?? 0;
  const upper = sorted.at(Math.floor(sorted.length / 2)) ?? 0;
  return { median: (lower + upper) / 2, least: sorted.at(0) ?? 0, greatest: sorted.at(-1) ?? 0 };
}

/**
 * The ratio of two measurements, round by round: what slows a whole round slows both, and cancels out.
 *
 * @param values like `others`, one for each round, in the same order
 */
export function ratioOf(values: readonly number[], others: readonly number[]): Spread {
  const pairs = Math.min(values.length, others.length);
  return spreadOf(Array.from({ length: pairs }, (_, round) => (values[round] ?? 0) / (others[round] ?? 0)));
}

/** The nearest-rank percentile of the values, for a `quantile` from 0 to 1; 0 if there are no values. */
export function percentile(values: readonly number[], quantile: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted.at(Math.max(0, Math.ceil(sorted.length * quantile) - 1)) ?? 0;
}

export function formatSpread({ median, least, greatest }: Spread, digits: number): string {
  return `${grouped(median, digits)} (${grouped(least, digits)} to ${grouped(greatest, digits)})`;
}

export function grouped(value: number, digits: number): string {
  return value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
