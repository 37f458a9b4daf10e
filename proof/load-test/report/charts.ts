import { type Axis, type ChartSpec, type Line, type Mark, type Region } from "./chart-spec.ts";
import { line, linearAxis, logAxis } from "./chart-spec.ts";
import type { LatencySummary, RunResult, SecondResult } from "../run-result.ts";
import type { ShownRun } from "./shown-run.ts";
import { withoutFailure } from "./official-results.ts";
import { formatClock, formatLatency } from "./format.ts";

/** The contest fines answers that take longer. */
const limit_milliseconds = 250;
const tall = 340;
const low = 200;

type LatencyKey = keyof LatencySummary;

const percentileLines: readonly (readonly [LatencyKey, Line])[] = [
  ["maxMs", line("max", "max", { width: 1 })],
  ["p99Ms", line("p99", "p99", { width: 2.25 })],
  ["p95Ms", line("p95", "p95")],
  ["p75Ms", line("p75", "p75")],
  ["p50Ms", line("p50", "p50", { width: 2.25 })],
];

/** A line with its column of values. */
type DrawnLine = readonly [style: Line, column: readonly (number | null)[]];

/** Latency in each second: the percentiles of one run, or the median and p99 of two runs. */
export function latencyChart(runs: readonly ShownRun[]): ChartSpec {
  const seconds = secondsOf(runs);
  const drawn = runs.flatMap(({ name, colour, result }): DrawnLine[] => {
    const of = (key: LatencyKey): (number | null)[] =>
      seconds.map((second) => drawnSecond(result, second)?.latency?.[key] ?? null);
    if (runs.length === 1) return percentileLines.map(([key, style]) => [style, of(key)]);
    return [
      [line(`${name} p99`, colour, { width: 2 }), of("p99Ms")],
      [line(`${name} p50`, colour, { width: 1.25, dashed: true }), of("p50Ms")],
    ];
  });
  const y = logAxis(
    drawn.flatMap(([, column]) => valuesIn(column)),
    "ms",
  );
  return { id: "latency", height: tall, y, marks: limitMarks(y), ...timeChartParts(runs, seconds, drawn) };
}

/** Requests due and answers received in each second. */
export function rateChart(runs: readonly ShownRun[]): ChartSpec {
  const seconds = secondsOf(runs);
  const drawn = runs.flatMap(({ name, colour, result }): DrawnLine[] => {
    const of = (key: "offered" | "answered" | "failures"): (number | null)[] =>
      seconds.map((second) => drawnSecond(result, second)?.[key] ?? null);
    const anyFailed = result.timeline.some((second) => second.failures > 0);
    if (runs.length === 1) {
      const offered = line("offered", "offered", { width: 1, filled: true });
      const failed = line("failed", "bad", { shape: "bars", width: 0, filled: true });
      return [
        [offered, of("offered")],
        [line("answered", "p50", { width: 2 }), of("answered")],
        ...(anyFailed ? [[failed, of("failures")] as const] : []),
      ];
    }
    const failed = line(`${name} failed`, colour, { shape: "bars", width: 0, filled: true });
    return [
      [line(`${name} offered`, colour, { width: 1, dashed: true }), of("offered")],
      [line(`${name} answered`, colour, { width: 2 }), of("answered")],
      ...(anyFailed ? [[failed, of("failures")] as const] : []),
    ];
  });
  const y = linearAxis(
    drawn.flatMap(([, column]) => valuesIn(column)),
    "count",
  );
  return { id: "rate", height: low, y, marks: [], ...timeChartParts(runs, seconds, drawn) };
}

type TimeChartParts = Pick<ChartSpec, "x" | "xLabel" | "columns" | "lines" | "regions" | "sync">;

function timeChartParts(
  runs: readonly ShownRun[],
  seconds: readonly number[],
  drawn: readonly DrawnLine[],
): TimeChartParts {
  // If the phases of the runs differ in length, those of the longer run are shown.
  const longest = runs.find(({ result }) => drawnSeconds(result) === seconds.length);
  return {
    x: secondsAxis(seconds),
    xLabel: "at",
    columns: [seconds, ...drawn.map(([, column]) => column)],
    lines: drawn.map(([style]) => style),
    regions: longest === undefined ? [] : phases(longest, runs),
    sync: "seconds",
  };
}

const percentileTicks = [0, 50, 75, 90, 95, 99, 99.9, 99.99] as const;

/**
 * The distribution of all latencies. Each further nine (p90, p99, p99.9) takes the same width on the x axis, since the
 * rare slow answers are what a percentile plot is for.
 */
export function distributionChart(runs: readonly ShownRun[]): ChartSpec {
  const points = runs.map(({ result }) => percentilePoints(result));
  const xs = [...new Set(points.flatMap((one) => [...one.keys()]))].toSorted((a, b) => a - b);
  const columns = points.map((one) => xs.map((x) => one.get(x) ?? null));
  const y = logAxis(columns.flatMap(valuesIn), "ms");
  const alone = runs.length === 1;
  // 258 requests, for example, are too few to give a p99.99.
  const requests = Math.max(...runs.map(({ result }) => result.total.requests));
  const last = percentileTicks.findIndex((percentile) => rarity(percentile) >= requests);
  const ticks = percentileTicks.slice(0, last === -1 ? undefined : last + 1);
  return {
    id: "distribution",
    height: tall,
    x: {
      log: true,
      min: 1,
      max: rarity(Math.max(50, ticks.at(-1) ?? 99.99)),
      ticks: ticks.map((percentile) => ({ at: rarity(percentile), text: `p${percentile}` })),
      unit: "percentile",
    },
    xLabel: "percentile",
    y,
    columns: [xs, ...columns],
    lines: runs.map(({ name, colour }) =>
      line(alone ? "latency" : name, alone ? "p99" : colour, { width: 2.25, filled: alone, bridged: true }),
    ),
    marks: limitMarks(y),
    regions: [],
    sync: null,
  };
}

/** Latencies by rarity, up to p99.99. The value of a percentile is that of the first point at or above it. */
function percentilePoints({ distribution }: RunResult): Map<number, number> {
  const end = percentileTicks.at(-1) ?? 100;
  const inside = distribution.filter(({ percentile }) => percentile < end);
  const last = distribution.find(({ percentile }) => percentile >= end);
  const points = last === undefined ? inside : [...inside, { ...last, percentile: end }];
  return new Map(points.map(({ percentile, milliseconds }) => [rarity(percentile), milliseconds]));
}

/** How many of the official results without a failure had at most each p99, with the runs marked. */
export function rankingChart(runs: readonly ShownRun[]): ChartSpec {
  const official = withoutFailure.map((one) => one.p99Ms);
  // A p99 below the resolution of the contest's results is drawn at the left edge, not left out.
  const marks: Mark[] = runs
    .filter(({ result }) => result.total.requests > 0)
    .map(({ name, colour, result }) => ({
      axis: "x",
      at: Math.max(0.5, result.total.latency.p99Ms),
      text: `${name}: ${formatLatency(result.total.latency.p99Ms)}`,
      colour,
    }));
  const x = logAxis([0.5, ...official, ...marks.map((mark) => mark.at)], "ms");
  const xs = [...new Set([x.min, ...official, x.max])].toSorted((a, b) => a - b);
  const atMost = xs.map((p99) => official.filter((one) => one <= p99).length);
  return {
    id: "field",
    height: 240,
    x,
    xLabel: "p99 up to",
    y: linearAxis(atMost, "count"),
    columns: [xs, atMost],
    lines: [line("official results", "offered", { shape: "step", width: 1.5, filled: true })],
    marks,
    regions: [],
    sync: null,
  };
}

/** One in how many requests is slower: 1 for p0, 100 for p99, 10,000 for p99.99. */
function rarity(percentile: number): number {
  return 100 / (100 - percentile);
}

/** The contest's limit is shown only if latencies come near it. Otherwise it would flatten the lines. */
function limitMarks(y: Axis): Mark[] {
  if (y.max < limit_milliseconds) return [];
  return [{ axis: "y", at: limit_milliseconds, text: "fined from 250 ms", colour: "bad" }];
}

function secondsOf(runs: readonly ShownRun[]): number[] {
  const longest = Math.max(0, ...runs.map(({ result }) => drawnSeconds(result)));
  return Array.from({ length: longest }, (_, second) => second);
}

/**
 * In nearly every run the last answers come a moment after its last second. Drawn as a second of their own they would
 * look like a collapse, so one such second is left out. A longer wait for answers is drawn.
 */
function drawnSeconds({ timeline }: RunResult): number {
  const onlyLastIsIdle = timeline.at(-1)?.offered === 0 && (timeline.at(-2)?.offered ?? 0) > 0;
  return onlyLastIsIdle ? timeline.length - 1 : timeline.length;
}

function drawnSecond(result: RunResult, second: number): SecondResult | undefined {
  return second < drawnSeconds(result) ? result.timeline[second] : undefined;
}

function secondsAxis(seconds: readonly number[]): Axis {
  const max = Math.max(1, seconds.length - 1);
  const step = [1, 2, 5, 10, 15, 30, 60, 120, 300].find((one) => max / one <= 10) ?? 600;
  const ticks = Array.from({ length: Math.floor(max / step) + 1 }, (_, index) => ({
    at: index * step,
    text: formatClock(index * step),
  }));
  return { log: false, min: 0, max, ticks, unit: "seconds" };
}

/** The phases of the run with the most seconds. If the phases of the other run differ, the name of the run is added. */
function phases({ name, result }: ShownRun, runs: readonly ShownRun[]): Region[] {
  const length = drawnSeconds(result);
  const first = steadyAt(result);
  const steady = first < length ? first : length - 1;
  const whose = runs.every((run) => steadyAt(run.result) === first) ? "" : ` of ${name}`;
  const regions: Region[] = [];
  if (steady > 0) regions.push({ from: 0, to: steady, text: `ramp${whose}`, shaded: true });
  if (first < length) regions.push({ from: first, to: length - 1, text: `steady${whose}`, shaded: false });
  return regions;
}

/** The first second of the steady phase; the number of seconds if the run did not reach it. */
function steadyAt({ timeline }: RunResult): number {
  const steady = timeline.findIndex((second) => second.phase === "steady");
  return steady === -1 ? timeline.length : steady;
}

function valuesIn(column: readonly (number | null)[]): number[] {
  return column.filter((value) => value !== null);
}
