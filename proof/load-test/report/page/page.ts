/**
 * What the report does in a browser: it draws the charts that the page holds as data, fits them to the width of their
 * containers and to the reader's colour scheme, and saves the figures as a file. This file is put into the page as
 * text, after the chart library, so it is one file that imports only types.
 */
import type { Axis, ChartSpec, Colour, Line } from "../chart-spec.ts";

const specs: readonly ChartSpec[] = JSON.parse(textOf("charts"));
const charts = specs.flatMap((spec) => draw(spec));

const darkScheme = matchMedia("(prefers-color-scheme: dark)");
darkScheme.addEventListener("change", redraw);
// Paper is white even if the screen is dark. page.css sets the light colours for this class too.
addEventListener("beforeprint", () => {
  document.documentElement.classList.add("print");
  redraw();
});
addEventListener("afterprint", () => {
  document.documentElement.classList.remove("print");
  redraw();
});

for (const button of document.querySelectorAll<HTMLButtonElement>("button[data-save]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    save(button.dataset["save"] ?? "", button.dataset["name"] ?? "run.json");
  });
}

function redraw(): void {
  for (const chart of charts) chart.redraw(false);
}

function draw(spec: ChartSpec): uPlot[] {
  const container = document.getElementById(spec.id);
  if (container === null) return [];
  const [xs, ...ys] = spec.columns;
  const chart = new uPlot(
    options(spec, container.clientWidth),
    [[...xs], ...ys.map((column) => [...column])],
    container,
  );
  new ResizeObserver(() => {
    chart.setSize({ width: container.clientWidth, height: spec.height });
  }).observe(container);
  return [chart];
}

function options(spec: ChartSpec, width: number): uPlot.Options {
  return {
    width,
    height: spec.height,
    padding: [20, 24, 0, 0],
    cursor: {
      y: false,
      drag: { x: false, y: false },
      points: { size: 7 },
      ...(spec.sync === null ? {} : { sync: { key: spec.sync } }),
    },
    legend: { markers: legendMarkers(spec) },
    scales: { x: scale(spec.x), y: scale(spec.y) },
    axes: [axis(spec.x, "x"), axis(spec.y, "y")],
    series: [
      { label: spec.xLabel, value: (_, value) => formatValue(value, spec.x.unit) },
      ...spec.lines.map((line) => series(line, spec.y)),
    ],
    hooks: {
      drawAxes: [
        (chart) => {
          drawRegions(chart, spec);
        },
      ],
      draw: [
        (chart) => {
          drawMarks(chart, spec);
        },
      ],
    },
  };
}

/** Uses custom properties: unlike colours that are read once, they follow the colour scheme automatically. */
function legendMarkers({ lines }: ChartSpec): uPlot.Legend.Markers {
  // The first entry of the legend is x, which has no line.
  const lineOf = (entry: number): Line | undefined => lines[entry - 1];
  const colourOf = (entry: number): string => `var(--${lineOf(entry)?.colour ?? "soft"})`;
  return {
    width: 2,
    stroke: (_, entry) => colourOf(entry),
    fill: (_, entry) => (lineOf(entry)?.dashed === true ? "transparent" : colourOf(entry)),
    dash: (_, entry) => (lineOf(entry)?.dashed === true ? "dotted" : "solid"),
  };
}

function scale({ log, min, max }: Axis): uPlot.Scale {
  return { time: false, distr: log ? 3 : 1, log: 10, auto: false, range: [min, max] };
}

function axis(spec: Axis, name: "x" | "y"): uPlot.Axis {
  return {
    splits: spec.ticks.map((tick) => tick.at),
    // By default uPlot leaves out some ticks of logarithmic scales.
    filter: (_, splits) => splits,
    values: (chart, splits) => textsThatFit(chart, splits, spec, name),
    size: name === "y" ? 46 : 34,
    gap: 4,
    font: "12px system-ui, sans-serif",
    stroke: () => colour("soft"),
    grid: { stroke: () => colour("grid"), width: 1 },
    ticks: { stroke: () => colour("grid"), width: 1, size: 4 },
  };
}

/** The texts of an axis, without those that would overlap the one before. */
function textsThatFit(
  chart: uPlot,
  splits: readonly number[],
  spec: Axis,
  name: "x" | "y",
): (string | null)[] {
  let taken = Number.NEGATIVE_INFINITY;
  return splits.map((at) => {
    const text = spec.ticks.find((tick) => tick.at === at)?.text ?? "";
    // Before the first layout the scale has no length yet.
    const position = chart.status === 0 && !Number.isFinite(chart.bbox.width) ? 0 : chart.valToPos(at, name);
    const along = name === "x" ? position : -position;
    const half = name === "x" ? text.length * 3.5 + 4 : 9;
    if (along - half < taken) return null;
    taken = along + half;
    return text;
  });
}

function series(line: Line, y: Axis): uPlot.Series {
  const paths = pathsOf(line);
  return {
    label: line.label,
    width: line.width,
    stroke: () => colour(line.colour),
    ...(line.filled ? { fill: () => faded(colour(line.colour), line.shape === "bars" ? 1 : 0.14) } : {}),
    ...(line.dashed ? { dash: [5, 4] } : {}),
    ...(paths === undefined ? {} : { paths }),
    spanGaps: line.bridged,
    points: { show: false },
    value: (_, value) => formatValue(value, y.unit),
  };
}

function pathsOf({ shape }: Line): uPlot.Series.PathBuilder | undefined {
  switch (shape) {
    case "line":
      return undefined;
    case "step":
      return uPlot.paths.stepped?.({ align: 1 });
    case "bars":
      return uPlot.paths.bars?.({ size: [1, 8] });
  }
}

function drawRegions(chart: uPlot, spec: ChartSpec): void {
  const { ctx, bbox } = chart;
  ctx.save();
  ctx.font = `${12 * devicePixelRatio}px system-ui, sans-serif`;
  ctx.textAlign = "left";
  ctx.textBaseline = "bottom";
  for (const region of spec.regions) {
    const from = chart.valToPos(region.from, "x", true);
    const to = chart.valToPos(region.to, "x", true);
    if (region.shaded) {
      ctx.fillStyle = faded(colour("soft"), 0.09);
      ctx.fillRect(from, bbox.top, to - from, bbox.height);
    }
    ctx.fillStyle = colour("soft");
    ctx.fillText(region.text, from + 2 * devicePixelRatio, bbox.top - 4 * devicePixelRatio);
  }
  ctx.restore();
}

function drawMarks(chart: uPlot, spec: ChartSpec): void {
  const { ctx, bbox } = chart;
  const pixels = devicePixelRatio;
  ctx.save();
  ctx.font = `600 ${12 * pixels}px system-ui, sans-serif`;
  spec.marks.forEach((mark, index) => {
    const at = chart.valToPos(mark.at, mark.axis, true);
    ctx.strokeStyle = ctx.fillStyle = colour(mark.colour);
    ctx.lineWidth = (mark.axis === "x" ? 2 : 1) * pixels;
    ctx.setLineDash(mark.axis === "x" ? [] : [4 * pixels, 3 * pixels]);
    ctx.beginPath();
    if (mark.axis === "x") {
      ctx.moveTo(at, bbox.top);
      ctx.lineTo(at, bbox.top + bbox.height);
    } else {
      ctx.moveTo(bbox.left, at);
      ctx.lineTo(bbox.left + bbox.width, at);
    }
    ctx.stroke();
    const leftHalf = at < bbox.left + bbox.width / 2;
    ctx.textAlign = mark.axis === "x" && leftHalf ? "left" : "right";
    ctx.textBaseline = mark.axis === "x" ? "top" : "bottom";
    const x = mark.axis === "x" ? at + (leftHalf ? 6 : -6) * pixels : bbox.left + bbox.width - 4 * pixels;
    const y = mark.axis === "x" ? bbox.top + bbox.height / 2 + 18 * index * pixels : at - 3 * pixels;
    // An outline in the background colour keeps the text readable where lines cross it.
    ctx.setLineDash([]);
    ctx.lineWidth = 4 * pixels;
    ctx.lineJoin = "round";
    ctx.strokeStyle = colour("paper");
    ctx.strokeText(mark.text, x, y);
    ctx.fillText(mark.text, x, y);
  });
  ctx.restore();
}

function formatValue(value: number | null, unit: Axis["unit"]): string {
  if (value === null || value === undefined) return "–";
  switch (unit) {
    case "ms":
      return `${value.toLocaleString("en-US", { maximumSignificantDigits: value < 1000 ? 3 : 6 })} ms`;
    case "seconds":
      return `${Math.floor(value / 60)}:${String(value % 60).padStart(2, "0")}`;
    case "percentile":
      return `p${(100 - 100 / value).toLocaleString("en-US", { maximumFractionDigits: 3 })}`;
    case "count":
      return value.toLocaleString("en-US");
  }
}

function colour(name: Colour | "grid" | "paper"): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** Makes a colour of page.css translucent. All of them are `#rrggbb`. */
function faded(hex: string, alpha: number): string {
  const digits = Math.round(alpha * 255).toString(16);
  return hex + digits.padStart(2, "0");
}

function textOf(id: string): string {
  return document.getElementById(id)?.textContent ?? "null";
}

function save(id: string, name: string): void {
  const blob = new Blob([`${JSON.stringify(JSON.parse(textOf(id)), null, 2)}\n`], {
    type: "application/json",
  });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}
