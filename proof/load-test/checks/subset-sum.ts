/**
 * Whether some of the values, each used at most once, add up to `target`. The empty sum is 0. The bits of one large
 * number stand for the possible sums: bit n is the lowest possible sum plus n.
 */
export function isSubsetSum(values: readonly number[], target: number): boolean {
  const least = sumOf(values.filter((value) => value < 0));
  const most = sumOf(values.filter((value) => value > 0));
  if (target < least || target > most) return false;
  // `least` includes all negative values. Leaving one out adds its amount, so every value only shifts upwards.
  let reached = 1n;
  for (const value of values) reached |= reached << BigInt(Math.abs(value));
  return ((reached >> BigInt(target - least)) & 1n) === 1n;
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
