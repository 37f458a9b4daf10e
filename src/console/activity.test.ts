import { describe, expect, test } from "bun:test";
import { type Activity, doneBetween, secondOf } from "./activity.ts";

const latency = (...counts: readonly [number, number, number]): Activity["latency"] => [
  { seconds: 0.001, count: counts[0] },
  { seconds: 0.01, count: counts[1] },
  { seconds: Infinity, count: counts[2] },
];
const reading = (at: number, transactions: number, refusals = 0, counts = latency(0, 0, 0)): Activity => ({
  at,
  transactions,
  refusals,
  latency: counts,
});

describe("what was done in a second", () => {
  test("is what counters have grown by, over the time between", () => {
    const done = doneBetween(
      reading(1_000, 100, 7, latency(10, 20, 20)),
      reading(3_000, 150, 9, latency(60, 120, 120)),
    );
    expect(done).toEqual({ seconds: 2, transactions: 50, refusals: 2, latency: latency(50, 100, 100) });
    // Half of them within 1 ms; 49 % more spread over the 9 ms after it.
    expect(secondOf([done])).toEqual({ transactions: 25, refusals: 1, p50_ms: 1, p99_ms: 9.82 });
  });

  test("of several processes is their sum, each over its own time", () => {
    const one = doneBetween(reading(0, 0), reading(1_000, 10, 1, latency(1, 1, 1)));
    const other = doneBetween(reading(0, 50), reading(500, 60, 0, latency(0, 1, 1)));
    expect(secondOf([one, other])).toMatchObject({ transactions: 30, refusals: 1, p50_ms: 1 });
  });

  test("of a process that was started again is what it did since, and never less than nothing", () => {
    const done = doneBetween(reading(0, 500, 9, latency(5, 5, 5)), reading(1_000, 3, 1, latency(4, 4, 4)));
    expect(done).toEqual({ seconds: 1, transactions: 3, refusals: 1, latency: latency(4, 4, 4) });
  });

  test("has no latency where nothing was answered, and the last bound where it was beyond that", () => {
    expect(secondOf([])).toEqual({ transactions: 0, refusals: 0, p50_ms: null, p99_ms: null });
    const same = reading(5, 7);
    expect(secondOf([doneBetween(same, same)])).toMatchObject({ transactions: 0, p50_ms: null });
    const slow = doneBetween(reading(0, 0), reading(1_000, 2, 0, latency(0, 0, 2)));
    expect(secondOf([slow])).toMatchObject({ p50_ms: 10, p99_ms: 10 });
  });
});
