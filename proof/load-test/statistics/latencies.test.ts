import { expect, test } from "bun:test";
import { Latencies } from "./latencies.ts";

function of(values: Iterable<number>): Latencies {
  const latencies = new Latencies();
  for (const value of values) latencies.add(value);
  return latencies;
}

test("percentiles, mean and maximum are those of the values, to three digits", () => {
  const { meanMs, p50Ms, p75Ms, p95Ms, p99Ms, maxMs } = of(
    Array.from({ length: 1000 }, (_, index) => index + 1),
  ).summary();
  expect(meanMs).toBe(500.5);
  expect(maxMs).toBe(1000);
  for (const [got, exact] of [
    [p50Ms, 500],
    [p75Ms, 750],
    [p95Ms, 950],
    [p99Ms, 990],
  ] as const) {
    expect(Math.abs(got - exact)).toBeLessThanOrEqual(exact / 1000);
  }
});

test("a single value is every percentile; without values all are 0", () => {
  expect(of([0.123]).summary()).toEqual({
    meanMs: 0.123,
    p50Ms: 0.123,
    p75Ms: 0.123,
    p95Ms: 0.123,
    p99Ms: 0.123,
    maxMs: 0.123,
  });
  expect(of([]).summary()).toEqual({ meanMs: 0, p50Ms: 0, p75Ms: 0, p95Ms: 0, p99Ms: 0, maxMs: 0 });
});

test("holds a minute as well as a microsecond, and is empty after it is cleared", () => {
  const latencies = of([0.001, 60_000]);
  expect(latencies.maxMs).toBe(60_000);
  expect(latencies.percentile(50)).toBe(0.001);
  latencies.clear();
  expect(latencies.count).toBe(0);
  expect(latencies.summary().maxMs).toBe(0);
});

test("the distribution rises to the maximum, as close to 100 % as the number of values allows", () => {
  const points = of(Array.from({ length: 10_000 }, (_, index) => index / 10)).distribution();
  expect(points[0]?.percentile).toBe(0);
  expect(points.at(-1)).toEqual({ percentile: 100, milliseconds: 999.9 });
  for (const [index, point] of points.entries()) {
    const before = points[index - 1];
    expect(point.percentile).toBeGreaterThan(before?.percentile ?? -1);
    expect(point.milliseconds).toBeGreaterThanOrEqual(before?.milliseconds ?? 0);
  }
  expect(points.some(({ percentile }) => percentile >= 99.99 && percentile < 100)).toBe(true);
  expect(of([]).distribution()).toEqual([]);
});
