import { describe, expect, test } from "bun:test";
import { formatSpread, percentile, ratioOf, spreadOf } from "../../proof/bench/statistics.ts";

describe("the spread of measurements", () => {
  test("is their median and their ends, in whatever order they came", () => {
    expect(spreadOf([30, 10, 20])).toEqual({ median: 20, least: 10, greatest: 30 });
    expect(spreadOf([4, 1, 2, 9])).toEqual({ median: 3, least: 1, greatest: 9 });
    expect(spreadOf([7])).toEqual({ median: 7, least: 7, greatest: 7 });
  });

  test("is formatted with the given number of digits", () => {
    expect(formatSpread({ median: 12345.678, least: 1, greatest: 20000 }, 1)).toBe(
      "12,345.7 (1.0 to 20,000.0)",
    );
  });
});

describe("a ratio", () => {
  test("is calculated round by round: a round that was slow for both does not matter", () => {
    expect(ratioOf([10, 100, 12], [5, 50, 6])).toEqual({ median: 2, least: 2, greatest: 2 });
    // The ratio of the medians would be 1.
    expect(ratioOf([10, 20, 30], [30, 20, 10]).greatest).toBe(3);
  });
});

describe("a percentile", () => {
  test("is a value of the list, by nearest rank", () => {
    const values = Array.from({ length: 100 }, (_, index) => 100 - index);
    expect([0.5, 0.99, 1].map((quantile) => percentile(values, quantile))).toEqual([50, 99, 100]);
    expect(percentile([8], 0.5)).toBe(8);
    expect(percentile([], 0.99)).toBe(0);
  });
});
