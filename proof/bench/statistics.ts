/** The middle of repeated measurements, and the range behind it: a wide one says that the machine was busy otherwise. */
export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly greatest: number;
}

/** @param values at least one, else all three are 0 */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const lower = sorted.at(Math.floor((sorted.length - 1) / 2)) ?? 0;
  const upper = sorted.at(Math.floor(sorted.length / 2)) ?? 0;
  return { median: (lower + upper) / 2, least: sorted.at(0) ?? 0, greatest: sorted.at(-1) ?? 0 };
}

/**
 * How much the one is of the other, round by round: what slowed a whole round slowed both, and falls out.
 *
 * @param values and `others` are of the same rounds, in order
 */
export function ratioOf(values: readonly number[], others: readonly number[]): Spread {
  const pairs = Math.min(values.length, others.length);
  return spreadOf(Array.from({ length: pairs }, (_, round) => (values[round] ?? 0) / (others[round] ?? 0)));
}

/** The value under which the share `quantile` (0 to 1) of the values is; 0 where there are none. */
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
