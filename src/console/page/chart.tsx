import { h } from "preact";
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { locale, t } from "./words.ts";

export interface Line {
  readonly label: string;
  /** One for each time; null: a gap. */
  readonly values: readonly (number | null)[];
  /** A colour of the style sheet. */
  readonly colour: string;
  readonly fill?: boolean;
  readonly stepped?: boolean;
}

interface ChartOptions {
  /** What it shows, in words, for who does not see it. */
  readonly label: string;
  /** Seconds since 1970, ascending. */
  readonly times: readonly number[];
  readonly lines: readonly Line[];
  /** Of the axis. */
  readonly format: (value: number) => string;
  /** Of one value, exactly; as the axis has them where it is not given. */
  readonly exact?: (value: number) => string;
  readonly height?: number;
  /** Of the axis of times, at least; in seconds, up to the last time. */
  readonly span?: number;
}

/** Lines over time. Drawn anew for another width, colour scheme or set of lines; else only fed. */
export function Chart({ label, times, lines, format, exact = format, height = 180, span }: ChartOptions) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef({ times, lines });
  latest.current = { times, lines };
  const shape = lines.map(({ label: name, colour }) => `${name} ${colour}`).join("|");

  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    const make = (): void => {
      plot.current?.destroy();
      const { clientWidth: width } = element;
      const options = optionsOf(latest.current.lines, { format, exact, width, height, span });
      plot.current = new uPlot(options, dataOf(latest.current), element);
    };
    make();
    const sized = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height }));
    sized.observe(element);
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", make);
    return () => {
      sized.disconnect();
      scheme.removeEventListener("change", make);
      plot.current?.destroy();
      plot.current = null;
    };
  }, [shape, height, span]);

  useEffect(() => {
    plot.current?.setData(dataOf({ times, lines }));
    if (typeof plot.current?.cursor.idx !== "number")
      plot.current?.setLegend({ idx: times.length - 1 }, false);
  }, [times, lines]);

  return <div class="chart" role="img" aria-label={label} ref={place} />;
}

function dataOf({ times, lines }: Pick<ChartOptions, "times" | "lines">): uPlot.AlignedData {
  return [[...times], ...lines.map(({ values }) => [...values])];
}

function optionsOf(
  lines: readonly Line[],
  {
    format,
    exact,
    width,
    height,
    span,
  }: Required<Pick<ChartOptions, "format" | "exact" | "height">> & {
    readonly width: number;
    readonly span: number | undefined;
  },
): uPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  const font = `11px ${getComputedStyle(document.body).fontFamily}`;
  const axis = { stroke: colour("soft"), font, ticks: { show: false }, size: 24, gap: 4 };
  const stepped = uPlot.paths.stepped?.({ align: 1 });
  return {
    width,
    height,
    // So that the last time has room under the axis.
    padding: [null, 22, null, null],
    cursor: { y: false, points: { size: 7 }, drag: { x: false, y: false } },
    legend: {
      live: true,
      markers: { width: 0, fill: (_plot, at) => colour(lines[at - 1]?.colour ?? "soft") },
    },
    // Where nobody points, the latest.
    hooks: {
      setLegend: [
        (plot) => {
          const last = plot.data[0].length - 1;
          if (plot.legend.idx === null && last >= 0) plot.setLegend({ idx: last }, false);
        },
      ],
    },
    scales: {
      x: { range: (plot) => spanOf(plot.data[0], span) },
      y: { range: (_plot, min, max) => rangeOf(min, max) },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        space: 80,
        incrs: TIME_STEPS,
        values: (_plot, ticks) => ticks.map((tick) => timeOf(tick, ticks)),
      },
      {
        ...axis,
        grid: { stroke: colour("grid"), width: 1 },
        size: (_plot, values) => 14 + 6.4 * Math.max(2, ...(values ?? []).map((value) => value.length)),
        values: (_plot, ticks) => ticks.map(format),
        space: 32,
        incrs: STEPS,
      },
    ],
    series: [
      { label: t("entries.time"), value: (_plot, at) => (at === null ? "" : fullTime(at)) },
      ...lines.map(({ label, colour: name, fill = false, stepped: steps = false }) => ({
        label,
        stroke: colour(name),
        width: 1.6,
        points: { show: false },
        value: (_plot: uPlot, value: number | null) => (value === null ? "\u2013" : exact(value)),
        ...(fill ? { fill: `${colour(name)}1f` } : {}),
        ...(steps && stepped !== undefined ? { paths: stepped } : {}),
      })),
    ],
  };
}

/** What is counted are whole things, amounts in their smallest part among them. */
const STEPS = Array.from({ length: 17 }, (_none, power) =>
  [1, 2, 5].map((step) => step * 10 ** power),
).flat();

/** In seconds: nobody is told of less. */
const TIME_STEPS = [
  1,
  2,
  5,
  10,
  15,
  30,
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * 60),
  ...[1, 2, 3, 6, 12].map((hours) => hours * 3_600),
  ...[1, 2, 7, 14, 30, 90, 180, 365, 730, 3_650].map((days) => days * 86_400),
];

/** uPlot would make a single time, or none, years wide. */
function spanOf(times: ArrayLike<number>, span = 1): [number, number] {
  const last = times[times.length - 1] ?? Date.now() / 1_000;
  return [Math.min(times[0] ?? last, last - span), last];
}

/** With 0 in it, some room above and below, and a tick of the axis at both ends. */
function rangeOf(min: number, max: number): [number, number] {
  const low = Math.min(0, min ?? 0) * 1.02;
  const high = Math.max(0, max ?? 0) * 1.02;
  if (low === high) return [0, 4];
  const step = STEPS.find((one) => (high - low) / one <= (low < 0 && high > 0 ? 3 : 4)) ?? high - low;
  return [Math.floor(low / step) * step, Math.ceil(high / step) * step];
}

function timeOf(tick: number, ticks: readonly number[]): string {
  const first = ticks[0] ?? tick;
  const whole = (ticks.at(-1) ?? tick) - first;
  const step = (ticks[1] ?? tick) - first;
  const style: Intl.DateTimeFormatOptions =
    whole > 86_400 * 2
      ? { day: "numeric", month: "short" }
      : step < 60
        ? { timeStyle: "medium", hourCycle: "h23" }
        : { timeStyle: "short", hourCycle: "h23" };
  return new Intl.DateTimeFormat(locale(), style).format(tick * 1_000);
}

function fullTime(at: number): string {
  return new Intl.DateTimeFormat(locale(), {
    dateStyle: "short",
    timeStyle: "medium",
    hourCycle: "h23",
  }).format(at * 1_000);
}

/** The latest values as a small line, without axes. */
export function Spark({ values, colour }: { readonly values: readonly number[]; readonly colour: string }) {
  const width = 120;
  const height = 28;
  const most = Math.max(1e-9, ...values);
  const shown = values.slice(-POINTS);
  const step = width / Math.max(1, shown.length - 1);
  const points = shown.map(
    (value, at) => `${(at * step).toFixed(1)},${(height - 2 - (value / most) * (height - 4)).toFixed(1)}`,
  );
  return (
    <svg
      class={`spark ${colour}`}
      viewBox={`0 0 ${width} ${height}`}
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      <polygon points={`0,${height} ${points.join(" ")} ${width},${height}`} />
      <polyline points={points.join(" ")} />
    </svg>
  );
}

const POINTS = 60;
