/**
 * How many requests a limit may have let through since a burst began, by `performance.now()`: it may have begun in the
 * middle of a second.
 *
 * @param rate a second
 */
export function mayPass(rate: number, begunAt: number): number {
  return rate * (Math.ceil((performance.now() - begunAt) / 1000) + 1);
}
