import { expect, test } from "bun:test";
import { assert, double, integer, maxSafeInteger, property, string } from "fast-check";
import { integerIn } from "./query.ts";

test.each([
  ["0", 0],
  ["-0", 0],
  ["10.0", 10],
  ["1e3", 1000],
  ["-1E+3", -1000],
  ["1500e-2", 15],
  ["9007199254740991", Number.MAX_SAFE_INTEGER],
  ["-9007199254740991", -Number.MAX_SAFE_INTEGER],
])("%s is the integer %d", (text, value) => {
  expect(integerIn(text)).toBe(value);
});

test.each([
  "",
  "-",
  "+1",
  " 1",
  "1 ",
  "01",
  "1.",
  ".5",
  "1.5",
  "0x10",
  "1_000",
  "1e",
  "e1",
  "1-1",
  "1+1",
  "true",
  "null",
  "NaN",
  "1e400",
  "9007199254740992",
  "9007199254740990.6",
  "0.99999999999999999999",
  "１",
])("%j is no integer", (text) => {
  expect(integerIn(text)).toBeNull();
});

test("every integer is read back, and nothing is read as an integer that is none", () => {
  assert(property(maxSafeInteger(), (value) => expect(integerIn(String(value))).toBe(value)));
  assert(
    property(double(), (value) => {
      expect(integerIn(String(value))).toBe(Number.isSafeInteger(value) ? value + 0 : null);
    }),
  );
  assert(property(string(), (text) => expect([null, Number(text)]).toContain(integerIn(text))));
  assert(
    property(integer({ min: 1, max: 1e9 }), integer({ min: 0, max: 6 }), (value, zeros) => {
      expect(integerIn(`${value}${"0".repeat(zeros)}e-${zeros}`)).toBe(value);
      expect(integerIn(`${value}.${"0".repeat(zeros)}1`)).toBeNull();
    }),
  );
});
