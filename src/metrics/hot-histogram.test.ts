import { describe, expect, test } from "bun:test";
import { HotHistogram } from "./hot-histogram.ts";

describe("a histogram", () => {
  test("a value is in the first bucket that it is not above", () => {
    const histogram = new HotHistogram([1, 2, 4]);
    for (const value of [0, 1, 1.5, 2, 3, 4, 5, 100]) histogram.observe(value);
    expect([...histogram.counts]).toEqual([2, 2, 2, 2]);
    expect(histogram.sum).toBe(116.5);
  });
});
