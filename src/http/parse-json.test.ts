import { expect, test } from "bun:test";
import { assert, integer, json, property, stringMatching } from "fast-check";
import { parseJson } from "./parse-json.ts";

test.each([
  ["10.0", 10],
  ["1e3", 1000],
  ["1E+3", 1000],
  ["1.5e1", 15],
  ["1500e-2", 15],
  ["0.0", 0],
  ["0e-400", 0],
  ["-0", 0],
  ["-0.0", 0],
  ["9007199254740990.0", 9007199254740990],
  ["1.5", 1.5],
  ["1e400", Infinity],
])("%s is %d", (text, value) => {
  expect(parseJson(text)).toBe(value);
  expect(parseJson(`{"a": [${text}]}`)).toEqual({ a: [value] });
});

test.each([
  "0.99999999999999999999",
  "-0.99999999999999999999",
  "9007199254740990.6",
  "99999999999999999999e-20",
  "10.00000000000000000001",
  "1e-400",
  `0.${"0".repeat(400)}1`,
])("%s is no integer, although it would be rounded to one", (text) => {
  expect(Number.isInteger(JSON.parse(text))).toBe(true);
  expect(parseJson(text)).toBe(NaN);
  expect(parseJson(`{"a": [${text}]}`)).toEqual({ a: [NaN] });
});

test("texts and names are no numbers", () => {
  const text = '{"a": "0.99999999999999999999", "1e-400": ["1.0", "x1e"], "__proto__": {"b": 1.0}}';
  expect(parseJson(text)).toEqual(JSON.parse(text));
});

test("whatever JSON.stringify writes is read as by JSON.parse", () => {
  assert(property(json({ maxDepth: 4 }), (text) => expect(parseJson(text)).toEqual(JSON.parse(text))));
});

test("any number is an integer exactly where its digits are", () => {
  const digits = stringMatching(/^[0-9]{1,20}$/);
  assert(
    property(digits, digits, integer({ min: -40, max: 40 }), (whole, fraction, exponent) => {
      const text = `${BigInt(whole)}.${fraction}e${exponent}`;
      const shift = BigInt(exponent - fraction.length + 60);
      const scaled = BigInt(whole + fraction) * 10n ** shift;
      expect(Number.isInteger(parseJson(text))).toBe(scaled % 10n ** 60n === 0n);
    }),
    { numRuns: 2_000 },
  );
});
