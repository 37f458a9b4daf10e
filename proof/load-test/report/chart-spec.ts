/**
 * A chart as data: made here, drawn by the page's script. All decisions (scales, ticks, texts) are made before the page
 * is written, so they can be read and tested without a browser.
 */
export interface ChartSpec {
  /** Id of the element in which the chart is drawn. */
  readonly id: string;
  /** CSS pixels. */
  readonly height: number;
  readonly x: Axis;
  /** The name of x in the legend. */
  readonly xLabel: string;
  readonly y: Axis;
  /** The x values, ascending, then one column for each of `lines`; null if a line has no value there. */
  readonly columns: readonly [xs: readonly number[], ...ys: (readonly (number | null)[])[]];
  readonly lines: readonly Line[];
  readonly marks: readonly Mark[];
  readonly regions: readonly Region[];
  /** Charts with the same key show the cursor at the same x. */
  readonly sync: string | null;
}

export interface Axis {
  readonly log: boolean;
  readonly min: number;
  readonly max: number;
  /** In ascending order. The page leaves out texts that do not fit. */
  readonly ticks: readonly Tick[];
  /** How the legend formats a value of this axis. */
  readonly unit: "ms" | "seconds" | "percentile" | "count";
}

export interface Tick {
  readonly at: number;
  readonly text: string;
}

/** Names of custom properties in page.css (`--p50`), so that a chart follows the colour scheme of the reader. */
export type Colour = "p50" | "p75" | "p95" | "p99" | "max" | "offered" | "bad" | "a" | "b" | "soft";

export interface Line {
  readonly label: string;
  readonly colour: Colour;
  readonly shape: "line" | "step" | "bars";
  /** CSS pixels. */
  readonly width: number;
  readonly dashed: boolean;
  readonly filled: boolean;
  /** Connects points across nulls, for lines that have points at only some of the x values. */
  readonly bridged: boolean;
}

/** A straight line across the chart at one value of one axis. */
export interface Mark {
  readonly axis: "x" | "y";
  readonly at: number;
  readonly text: string;
  readonly colour: Colour;
}

/** A named part of the x axis. */
export interface Region {
  readonly from: number;
  readonly to: number;
  readonly text: string;
  readonly shaded: boolean;
}

export function line(label: string, colour: Colour, more: Partial<Line> = {}): Line {
  return { label, colour, shape: "line", width: 1.5, dashed: false, filled: false, bridged: false, ...more };
}

const steps = [1, 2, 5] as const;

/** A logarithmic axis whose ends are 1, 2 or 5 times a power of ten. */
export function logAxis(values: readonly number[], unit: Axis["unit"]): Axis {
  const { least, most } = extent(values);
  const at = roundValues(least, Math.max(most, least * 2));
  const [first = 1] = at;
  return { log: true, min: first, max: at.at(-1) ?? 10, ticks: at.map(tick), unit };
}

/** A linear axis from 0. */
export function linearAxis(values: readonly number[], unit: Axis["unit"]): Axis {
  const most = Math.max(1, ...finite(values));
  const rounds = roundValues(most / 6, most / 3);
  const step = Math.max(1, rounds.find((round) => most / round <= 6) ?? most);
  const max = Math.ceil(most / step) * step;
  const at = Array.from({ length: Math.round(max / step) + 1 }, (_, index) => index * step);
  return { log: false, min: 0, max, ticks: at.map(tick), unit };
}

function tick(at: number): Tick {
  return { at, text: at.toLocaleString("en-US", { maximumSignificantDigits: 3 }) };
}

/** 1, 2 and 5 times powers of ten: from the highest one up to `least` to the lowest one from `most` on. */
function roundValues(least: number, most: number): number[] {
  const rounds: number[] = [];
  for (let power = Math.floor(Math.log10(least)); power <= Math.ceil(Math.log10(most)); power++) {
    // Parsed from text, since 10 ** -2 * 5 is not exactly 0.05.
    for (const step of steps) rounds.push(Number(`${step}e${power}`));
  }
  const from = rounds.findLastIndex((round) => round <= least);
  const to = rounds.findIndex((round) => round >= most);
  return rounds.slice(Math.max(0, from), to === -1 ? undefined : to + 1);
}

function extent(values: readonly number[]): { readonly least: number; readonly most: number } {
  const positive = finite(values).filter((value) => value > 0);
  if (positive.length === 0) return { least: 1, most: 10 };
  return { least: Math.min(...positive), most: Math.max(...positive) };
}

function finite(values: readonly number[]): number[] {
  return values.filter((value) => Number.isFinite(value));
}
