import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { LostUpdateCheck } from "./lost-update-check.ts";

const walks = fc.array(
  fc.integer({ min: -5, max: 5 }).filter((value) => value !== 0),
  { minLength: 1, maxLength: 50 },
);

/** The steps of a walk that takes one value after the other. */
function stepsOf(start: number, values: readonly number[]): [before: number, after: number][] {
  let at = start;
  return values.map((value) => {
    const before = at;
    at += value;
    return [before, at];
  });
}

test("a walk is found right in whatever order its steps are told", () => {
  fc.assert(
    fc.property(
      walks,
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

test("two answers that take the same step are found, with the balance that they start from", () => {
  const steps = new LostUpdateCheck();
  steps.add(0, 100);
  steps.add(100, 95);
  steps.add(100, 93);
  steps.add(93, 90);
  expect(steps.unmatchedStarts(0)).toEqual([100]);
});

test("a step from a balance that nothing led to is found", () => {
  const steps = new LostUpdateCheck();
  steps.add(0, 5);
  steps.add(7, 9);
  expect(steps.unmatchedStarts(0)).toEqual([7]);
});

test("a walk that comes back to balances that it has been at is right", () => {
  const steps = new LostUpdateCheck();
  for (const [before, after] of stepsOf(0, [5, -5, 5, -5, 5])) steps.add(before, after);
  expect(steps.unmatchedStarts(0)).toEqual([]);
});
