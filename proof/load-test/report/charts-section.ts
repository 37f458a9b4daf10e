import {
  formatClock,
  formatCount,
  formatCounted,
  formatLatency,
  formatMilliseconds,
  formatPercent,
} from "./format.ts";
import { distributionChart, latencyChart, rateChart } from "./charts.ts";
import { type Html, html } from "./html.ts";
import type { RunResult, SecondResult } from "../run-result.ts";
import type { ShownRun } from "./shown-run.ts";
import type { ChartSpec } from "./chart-spec.ts";
import { chartFigure } from "./chart-figure.ts";
import { scrollingTable } from "./tables.ts";

export interface ChartsSection {
  readonly markup: Html;
  readonly charts: readonly ChartSpec[];
}

/** The three charts of latency, rate and distribution, for one run or for two runs overlaid. */
export function chartsSection(runs: readonly ShownRun[]): ChartsSection {
  const measured = runs.filter(({ result }) => result.timeline.length > 0 && result.total.requests > 0);
  if (measured.length === 0) {
    return {
      charts: [],
      markup: html`<section>
        <h2>Latency</h2>
        <p>There is nothing to draw: no second of the load was measured.</p>
      </section>`,
    };
  }
  const latency = latencyChart(runs);
  const rate = rateChart(runs);
  const distribution = distributionChart(runs);
  return {
    charts: [latency, rate, distribution],
    markup: html`<section>
      <h2>Latency over time</h2>
      ${chartFigure(latency, "Latency in each second, in ms", sentences(measured, worstSecond))}
      ${chartFigure(rate, "Requests in each second", sentences(measured, busiestSecond), secondsTables(measured))}
      <h2>Distribution</h2>
      ${chartFigure(
        distribution,
        "Latency by percentile, in ms",
        sentences(measured, percentiles),
        percentileTables(measured),
      )}
    </section>`,
  };
}

function sentences(runs: readonly ShownRun[], describe: (result: RunResult) => string): Html {
  const alone = runs.length === 1 && runs[0]?.name === "this run";
  return html`${runs.map(({ name, result }) => html`<span class="told">${alone ? "" : html`<b>${name}</b>: `}${describe(result)}</span>`)}`;
}

function worstSecond({ timeline }: RunResult): string {
  const measured = timeline.flatMap(({ second, latency }) => (latency === null ? [] : [{ second, latency }]));
  const worst = measured.toSorted((a, b) => b.latency.p99Ms - a.latency.p99Ms)[0];
  const usual = measured.map(({ latency }) => latency.p99Ms).toSorted((a, b) => a - b)[
    (measured.length - 1) >> 1
  ];
  if (worst === undefined || usual === undefined) return "No second had an answer.";
  return (
    `In half of the seconds the p99 was at most ${formatLatency(usual)}; in the worst one, at ${formatClock(worst.second)}, ` +
    `it was ${formatLatency(worst.latency.p99Ms)} and the slowest answer took ${formatLatency(worst.latency.maxMs)}.`
  );
}

function busiestSecond({ timeline }: RunResult): string {
  const offered = Math.max(0, ...timeline.map((second) => second.offered));
  const answered = Math.max(0, ...timeline.map((second) => second.answered));
  const failing = timeline.filter((second) => second.failures > 0).length;
  return (
    `Up to ${formatCount(offered)} requests a second were due and up to ${formatCount(answered)} answered; ` +
    `${failing === 0 ? "no second" : formatCounted(failing, "second")} had a failure.`
  );
}

function percentiles({ total: { latency }, distribution }: RunResult): string {
  const rare = distribution.findLast(({ percentile }) => percentile <= 99.99);
  const end =
    rare === undefined ? "" : `, p${Number(rare.percentile.toFixed(2))} ${formatLatency(rare.milliseconds)}`;
  return (
    `p50 ${formatLatency(latency.p50Ms)}, p75 ${formatLatency(latency.p75Ms)}, p95 ${formatLatency(latency.p95Ms)}, ` +
    `p99 ${formatLatency(latency.p99Ms)}${end}, max ${formatLatency(latency.maxMs)}.`
  );
}

function secondsTables(runs: readonly ShownRun[]): Html {
  return html`${runs.map(({ name, result }) =>
    scrollingTable(
      `Each second, ${name}`,
      html`<table class="data">
        <caption>
          Each second, ${name}; latencies in ms
        </caption>
        <thead>
          <tr>
            <th scope="col">At</th>
            <th scope="col">Phase</th>
            <th scope="col">Offered</th>
            <th scope="col">Answered</th>
            <th scope="col">Failed</th>
            <th scope="col">p50</th>
            <th scope="col">p95</th>
            <th scope="col">p99</th>
            <th scope="col">max</th>
          </tr>
        </thead>
        <tbody>
          ${result.timeline.map(secondRow)}
        </tbody>
      </table>`,
    ),
  )}`;
}

function secondRow({ second, phase, offered, answered, failures, latency }: SecondResult): Html {
  const times = latency === null ? [] : [latency.p50Ms, latency.p95Ms, latency.p99Ms, latency.maxMs];
  const cells = [
    phase,
    formatCount(offered),
    formatCount(answered),
    formatCount(failures),
    ...(latency === null ? ["–", "–", "–", "–"] : times.map(formatMilliseconds)),
  ];
  return html`<tr>
    <th scope="row">${formatClock(second)}</th>
    ${cells.map((cell) => html`<td>${cell}</td>`)}
  </tr>`;
}

const shownPercentiles = [50, 75, 90, 95, 99, 99.9, 99.99, 100] as const;

function percentileTables(runs: readonly ShownRun[]): Html {
  return scrollingTable(
    "Latency by percentile",
    html`<table class="data">
      <caption>
        Latency by percentile, in ms
      </caption>
      <thead>
        <tr>
          <th scope="col">Percentile</th>
          <th scope="col">of requests</th>
          ${runs.map(({ name }) => html`<th scope="col">${name}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${shownPercentiles.map(
          (wanted) =>
            html`<tr>
              <th scope="row">${wanted === 100 ? "max" : `p${wanted}`}</th>
              <td>${formatPercent(wanted / 100)}</td>
              ${runs.map(({ result }) => html`<td>${latencyAt(result, wanted)}</td>`)}
            </tr>`,
        )}
      </tbody>
    </table>`,
  );
}

/** The value of a percentile is that of the first point at or above it. */
function latencyAt({ distribution }: RunResult, wanted: number): string {
  const point = distribution.find(({ percentile }) => percentile >= wanted - 1e-9);
  return point === undefined ? "–" : formatMilliseconds(point.milliseconds);
}
