import { expect, test } from "bun:test";
import { ToldOnce } from "./told-once.ts";

/** What is told, if this is wrong in one second after the other. */
function told(after: number, seconds: readonly (string | null)[]): string[] {
  const once = new ToldOnce(after * 1_000);
  return seconds.flatMap((wrong, second) =>
    once.mayTell(wrong, second * 1_000) ? [`${second} ${wrong}`] : [],
  );
}

const many = (wrong: string | null, count: number) => Array.from({ length: count }, () => wrong);

test("what stays wrong is told once, when it has been so for a while", () => {
  expect(told(10, many("a is away", 300))).toEqual(["11 a is away"]);
});

test("it is not told again where something else was wrong for a moment", () => {
  expect(told(10, [...many("a is away", 20), "b is away", ...many("a is away", 100)])).toEqual([
    "11 a is away",
  ]);
});

test("what lasts and is something else is told, too", () => {
  const both = [...many("a is away", 20), ...many("a and b are away", 20), ...many("a is away", 20)];
  expect(told(10, both)).toEqual(["11 a is away", "31 a and b are away", "51 a is away"]);
});

test("it is told again where nothing was wrong between", () => {
  expect(told(10, [...many("a is away", 20), null, ...many("a is away", 20)])).toEqual([
    "11 a is away",
    "32 a is away",
  ]);
});
