import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { isSubsetSum } from "./subset-sum.ts";

/** All sums, one by one. */
function sums(values: readonly number[]): Set<number> {
  return values.reduce(
    (all, value) => new Set([...all, ...[...all].map((sum) => sum + value)]),
    new Set([0]),
  );
}

test("tells whether some of the values add up to a target", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: -30, max: 30 }), { maxLength: 8 }),
      fc.integer({ min: -90, max: 90 }),
      (values, target) => {
        expect(isSubsetSum(values, target)).toBe(sums(values).has(target));
      },
    ),
  );
});

test("is fast for the largest number of values that is searched", () => {
  const values = Array.from({ length: 200 }, (_, index) => (index % 3 === 0 ? 1 : -1) * (2000 + 40 * index));
  expect(isSubsetSum(values, 2000)).toBe(true);
  expect(isSubsetSum(values, 2001)).toBe(false);
});
