/**
 * Whether some of the values, each taken at most once, add up to `target`; none of them is 0 at target 0. The bits of
 * one large number are the sums that can be reached: bit n stands for n more than the least of them.
 */
export function isSubsetSum(values: readonly number[], target: number): boolean {
  const least = sumOf(values.filter((value) => value < 0));
  const most = sumOf(values.filter((value) => value > 0));
  if (target < least || target > most) return false;
  // Taking the negative ones away one by one from `least` adds their amounts: all steps go up.
  let reached = 1n;
  for (const value of values) reached |= reached << BigInt(Math.abs(value));
  return ((reached >> BigInt(target - least)) & 1n) === 1n;
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
