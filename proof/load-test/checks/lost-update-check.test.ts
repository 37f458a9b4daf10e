import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { LostUpdateCheck } from "./lost-update-check.ts";

const paths = fc.array(
  fc.integer({ min: -5, max: 5 }).filter((value) => value !== 0),
  { minLength: 1, maxLength: 50 },
);

/** The steps of a path that adds one value after the other. */
function stepsOf(start: number, values: readonly number[]): [before: number, after: number][] {
  let at = start;
  return values.map((value) => {
    const before = at;
    at += value;
    return [before, at];
  });
}

test("a path is accepted in whatever order its steps are added", () => {
  fc.assert(
    fc.property(
      paths,
      fc.integer({ min: -10, max: 10 }),
      fc.infiniteStream(fc.nat()),
      (values, start, order) => {
        const steps = new LostUpdateCheck();
        const shuffled = stepsOf(start, values)
          .map((step) => ({ step, key: Number(order.next().value) }))
          .toSorted((a, b) => a.key - b.key);
        for (const { step } of shuffled) steps.add(...step);
        expect(steps.unmatchedStarts(start)).toEqual([]);
      },
    ),
  );
});

test("two answers that start from the same balance are found, with that balance", () => {
  const steps = new LostUpdateCheck();
  steps.add(0, 100);
  steps.add(100, 95);
  steps.add(100, 93);
  steps.add(93, 90);
  expect(steps.unmatchedStarts(0)).toEqual([100]);
});

test("a step from a balance that was never reached is found", () => {
  const steps = new LostUpdateCheck();
  steps.add(0, 5);
  steps.add(7, 9);
  expect(steps.unmatchedStarts(0)).toEqual([7]);
});

test("a path that returns to earlier balances is accepted", () => {
  const steps = new LostUpdateCheck();
  for (const [before, after] of stepsOf(0, [5, -5, 5, -5, 5])) steps.add(before, after);
  expect(steps.unmatchedStarts(0)).toEqual([]);
});
