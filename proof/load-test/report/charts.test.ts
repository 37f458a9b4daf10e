import { describe, expect, test } from "bun:test";
import { distributionChart, rankingChart, latencyChart, rateChart } from "./charts.ts";
import { linearAxis, logAxis } from "./chart-spec.ts";
import type { RunResult } from "../run-result.ts";
import type { ShownRun } from "./shown-run.ts";
import { runResult } from "../../../tests/load-test/support/report-fixtures.ts";

const short = runResult({ phaseSeconds: 3, measuredSeconds: 6, pausesAt: [] });

describe("axes", () => {
  test("a logarithmic axis ends at 1, 2 or 5 times a power of ten around its values", () => {
    const { min, max, ticks } = logAxis([0.63, 4.1, 18.5], "ms");
    expect([min, max]).toEqual([0.5, 20]);
    expect(ticks.map(({ text }) => text)).toEqual(["0.5", "1", "2", "5", "10", "20"]);
  });

  test("a logarithmic axis copes with a value of 0, with no value and with a single one", () => {
    expect(logAxis([0, 3], "ms").min).toBe(2);
    expect(logAxis([], "ms")).toMatchObject({ min: 1, max: 10 });
    const { min, max } = logAxis([5], "ms");
    expect([min, max]).toEqual([5, 10]);
  });

  test("a linear axis begins at 0 and includes the highest value", () => {
    expect(linearAxis([1, 340], "count").ticks.map(({ at }) => at)).toEqual([0, 100, 200, 300, 400]);
    expect(linearAxis([], "count")).toMatchObject({ min: 0, max: 1 });
  });
});

test("one run is shown by its percentiles, two runs by the median and p99 of each", () => {
  expect(latencyChart(alone(short)).lines.map(({ label }) => label)).toEqual([
    "max",
    "p99",
    "p95",
    "p75",
    "p50",
  ]);
  expect(latencyChart(both(short, short)).lines.map(({ label }) => label)).toEqual([
    "A p99",
    "A p50",
    "B p99",
    "B p50",
  ]);
});

test("lines hold the figures of the timeline, second by second", () => {
  const [seconds, offered, answered] = rateChart(alone(short)).columns;
  expect(seconds).toEqual([0, 1, 2, 3, 4, 5]);
  expect(offered).toEqual(short.timeline.map((second) => second.offered));
  expect(answered).toEqual(short.timeline.map((second) => second.answered));
  expect(latencyChart(alone(short)).columns[2]).toEqual(
    short.timeline.map((second) => second.latency?.p99Ms ?? null),
  );
});

test("one idle second at the end is not drawn, a longer wait for answers is", () => {
  const idle = { second: 6, phase: "steady", offered: 0, answered: 1, failures: 0, latency: null } as const;
  const once: RunResult = { ...short, timeline: [...short.timeline, idle] };
  const twice: RunResult = { ...once, timeline: [...once.timeline, { ...idle, second: 7 }] };
  expect(rateChart(alone(once)).columns[0]).toHaveLength(6);
  expect(rateChart(alone(twice)).columns[0]).toHaveLength(8);
  const [, , answeredByA] = rateChart(both(once, twice)).columns;
  expect(answeredByA?.slice(5)).toEqual([short.timeline[5]?.answered ?? null, null, null]);
});

test("the phases are marked, and with the name of the run if those of two runs differ", () => {
  expect(rateChart(alone(short)).regions).toEqual([
    { from: 0, to: 3, text: "ramp", shaded: true },
    { from: 3, to: 5, text: "steady", shaded: false },
  ]);
  const longer = runResult({ phaseSeconds: 5, measuredSeconds: 10, pausesAt: [] });
  expect(rateChart(both(short, longer)).regions.map(({ text }) => text)).toEqual([
    "ramp of B",
    "steady of B",
  ]);
});

test("the distribution goes to p99.99, or as far as the number of requests allows", () => {
  const lastTick = distributionChart(alone(runResult({ phaseSeconds: 60, measuredSeconds: 120 }))).x.ticks.at(
    -1,
  );
  expect(lastTick?.text).toBe("p99.99");
  expect(short.total.requests).toBeGreaterThan(1000);
  expect(distributionChart(alone(short)).x.ticks.at(-1)?.text).toBe("p99.99");
  const few = runResult({ phaseSeconds: 3, measuredSeconds: 1, pausesAt: [] });
  expect(few.total.requests).toBeLessThan(1000);
  expect(distributionChart(alone(few)).x.ticks.at(-1)?.text).toBe("p99.9");
});

test("the distribution ends with the value of p99.99, wherever the points lie", () => {
  const points = [
    { percentile: 50, milliseconds: 1 },
    { percentile: 99.985, milliseconds: 7 },
    { percentile: 99.992, milliseconds: 8 },
    { percentile: 100, milliseconds: 9 },
  ];
  const [xs, latencies] = distributionChart(alone({ ...short, distribution: points })).columns;
  expect(xs.map((x) => Math.round(x))).toEqual([2, 6667, 10_000]);
  expect(latencies).toEqual([1, 7, 8]);
});

test("the contest's limit is drawn only if latencies come near it", () => {
  expect(latencyChart(alone(short)).marks).toEqual([]);
  const slow = runResult({ phaseSeconds: 3, measuredSeconds: 6, typicalMs: 300 });
  expect(latencyChart(alone(slow)).marks.map(({ at }) => at)).toEqual([250]);
});

test("the ranking chart counts the official results up to each p99 and marks the run", () => {
  const { columns, marks } = rankingChart(alone(short));
  const [p99s, counts] = columns;
  expect(counts?.[p99s.indexOf(1)]).toBe(20);
  expect(counts?.at(-1)).toBe(468);
  expect(marks.map(({ at }) => at)).toEqual([short.total.latency.p99Ms]);
});

function alone(result: RunResult): ShownRun[] {
  return [{ name: "this run", colour: "p99", result }];
}

function both(a: RunResult, b: RunResult): ShownRun[] {
  return [
    { name: "A", colour: "a", result: a },
    { name: "B", colour: "b", result: b },
  ];
}
