import { expect, test } from "bun:test";
import { assert, constantFrom, integer, property } from "fast-check";
import { parseTimestamp, timestamp } from "./timestamp.ts";

const MAX = Number.MAX_SAFE_INTEGER;

test.each([
  [0, "1970-01-01T00:00:00.000000Z"],
  [1, "1970-01-01T00:00:00.000001Z"],
  [1_705_458_881_217_753, "2024-01-17T02:34:41.217753Z"],
  [1_705_458_881_000_000, "2024-01-17T02:34:41.000000Z"],
  [1_705_458_881_999_999, "2024-01-17T02:34:41.999999Z"],
])("%d µs are %s, and back", (micros, text) => {
  expect(timestamp(micros)).toBe(text);
  expect(parseTimestamp(text)).toBe(micros);
});

test.each([
  ["2024-01-17T02:34:41Z", 1_705_458_881_000_000],
  ["2024-01-17t02:34:41z", 1_705_458_881_000_000],
  ["2024-01-17T02:34:41.2Z", 1_705_458_881_200_000],
  ["2024-01-16T23:34:41.217753-03:00", 1_705_458_881_217_753],
  ["2024-01-17T08:04:41.217753+05:30", 1_705_458_881_217_753],
  ["2024-02-29T00:00:00Z", 1_709_164_800_000_000],
  ["1969-12-31T23:59:59.999999Z", 0],
  ["0000-01-01T00:00:00Z", 0],
  ["9999-12-31T23:59:59.999999Z", MAX],
])("%s is the time %d", (text, micros) => {
  expect(parseTimestamp(text)).toBe(micros);
});

test.each([
  "",
  "2024-01-17",
  "2024-01-17T02:34:41",
  "2024-01-17T02:34Z",
  "2024-01-17 02:34:41Z",
  "2024-01-17T02:34:41.Z",
  "2024-01-17T02:34:41.1234567Z",
  "2024-01-17T24:00:00Z",
  "2024-01-17T02:60:00Z",
  "2024-01-17T02:34:60Z",
  "2023-02-29T00:00:00Z",
  "2024-04-31T00:00:00Z",
  "2024-13-01T00:00:00Z",
  "2024-00-01T00:00:00Z",
  "2024-01-00T00:00:00Z",
  "2024-01-17T02:34:41+24:00",
  "2024-01-17T02:34:41+00:60",
  "2024-01-17T02:34:41 00:00",
  "2024-01-17T02:34:41+0000",
  "+002024-01-17T02:34:41Z",
  " 2024-01-17T02:34:41Z",
  "2024-01-17T02:34:41Z\n",
  "１024-01-17T02:34:41Z",
  "1705458881",
])("%j is no time", (text) => {
  expect(parseTimestamp(text)).toBeNull();
});

test("every microsecond is read as it is written, in any zone", () => {
  const zone = constantFrom("+00:00", "-00:00", "+23:59", "-11:30");
  assert(
    property(integer({ min: 90_000_000_000, max: 8_000_000_000_000_000 }), zone, (micros, offset) => {
      const text = timestamp(micros);
      expect(parseTimestamp(text)).toBe(micros);
      const [, sign, hours, minutes] = /^([+-])(\d\d):(\d\d)$/.exec(offset) ?? [];
      const ahead = (Number(hours) * 60 + Number(minutes)) * 60_000_000 * (sign === "-" ? -1 : 1);
      expect(parseTimestamp(text.replace("Z", offset))).toBe(micros - ahead);
    }),
  );
});
