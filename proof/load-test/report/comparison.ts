import { type Html, html } from "./html.ts";
import {
  formatCount,
  formatLatency,
  formatMilliseconds,
  formatPercent,
  formatRatio,
  formatUsd,
} from "./format.ts";
import type { KindResult, RunResult } from "../run-result.ts";
import { kindName, scrollingTable } from "./tables.ts";

interface ComparedMetric {
  readonly title: string;
  readonly of: (result: RunResult) => number;
  readonly format: (value: number) => string;
  /** Which direction is better; null if the value says nothing about the server. */
  readonly better: "less" | "more" | null;
}

const comparedMetrics: readonly ComparedMetric[] = [
  { title: "Payment, USD", of: (run) => run.verdict.paymentUsd, format: formatUsd, better: "more" },
  { title: "Failures", of: (run) => run.failuresTotal, format: formatCount, better: "less" },
  { title: "Wrong balances", of: (run) => run.verdict.inconsistencies, format: formatCount, better: "less" },
  { title: "Under 250 ms", of: (run) => run.verdict.shareUnder250ms, format: formatPercent, better: "more" },
  { title: "mean, ms", of: (run) => run.total.latency.meanMs, format: formatMilliseconds, better: "less" },
  { title: "p50, ms", of: (run) => run.total.latency.p50Ms, format: formatMilliseconds, better: "less" },
  { title: "p75, ms", of: (run) => run.total.latency.p75Ms, format: formatMilliseconds, better: "less" },
  { title: "p95, ms", of: (run) => run.total.latency.p95Ms, format: formatMilliseconds, better: "less" },
  { title: "p99, ms", of: (run) => run.total.latency.p99Ms, format: formatMilliseconds, better: "less" },
  { title: "max, ms", of: (run) => run.total.latency.maxMs, format: formatMilliseconds, better: "less" },
  {
    title: "Late start p99, ms",
    of: (run) => run.generator.delayP99Ms,
    format: formatMilliseconds,
    better: null,
  },
];

/** One sentence that says which run was faster, and by how much. */
export function comparisonLead(a: RunResult, b: RunResult): Html {
  const ofA = a.total.latency.p99Ms;
  const ofB = b.total.latency.p99Ms;
  if (a.total.requests === 0 || b.total.requests === 0) return html`One of the runs measured nothing.`;
  if (!differClearly(ofA, ofB)) {
    return html`The two are as fast as each other: A has a p99 of ${formatLatency(ofA)}, B of
    ${formatLatency(ofB)}.`;
  }
  const [quick, slow] = ofA < ofB ? (["A", "B"] as const) : (["B", "A"] as const);
  const [least, most] = ofA < ofB ? [ofA, ofB] : [ofB, ofA];
  return html`Run ${quick} is the faster one: its p99 is ${formatLatency(least)}, that of run ${slow}
  ${formatLatency(most)} (${formatRatio(least, most)}).`;
}

export function metricsTable(a: RunResult, b: RunResult): Html {
  return scrollingTable(
    "Both runs in figures",
    html`<table class="data" data-table="measures">
      ${head("Figure")}
      <tbody>
        ${row("Requests", formatCount(a.total.requests), formatCount(b.total.requests), a.total.requests, b.total.requests, null)}
        ${comparedMetrics.map((metric) => {
          // A run that measured nothing has no figures, and must not appear to be faster.
          const ofA = a.total.requests > 0 ? metric.of(a) : Number.NaN;
          const ofB = b.total.requests > 0 ? metric.of(b) : Number.NaN;
          return row(metric.title, metric.format(ofA), metric.format(ofB), ofA, ofB, metric.better);
        })}
      </tbody>
    </table>`,
  );
}

/** The p50 and p99 of each kind of request in both runs. */
export function kindsTable(a: RunResult, b: RunResult): Html {
  const pairs = a.kinds.flatMap((ofA): (readonly [KindResult, KindResult])[] => {
    const ofB = b.kinds.find(({ kind }) => kind === ofA.kind);
    return ofB === undefined ? [] : [[ofA, ofB]];
  });
  return scrollingTable(
    "Both runs by kind of request",
    html`<table class="data">
      ${head("Kind")}
      <tbody>
        ${pairs.flatMap(([ofA, ofB]) =>
          (["p50Ms", "p99Ms"] as const).map((key) => {
            const measured = ofA.requests > 0 && ofB.requests > 0;
            const format = (kind: KindResult): string =>
              kind.requests > 0 ? formatMilliseconds(kind.latency[key]) : "–";
            const title = `${kindName(ofA)}, ${key === "p50Ms" ? "p50" : "p99"}, ms`;
            return row(
              title,
              format(ofA),
              format(ofB),
              measured ? ofA.latency[key] : Number.NaN,
              measured ? ofB.latency[key] : Number.NaN,
              "less",
            );
          }),
        )}
      </tbody>
    </table>`,
  );
}

function head(first: string): Html {
  return html`<thead>
    <tr>
      <th scope="col">${first}</th>
      <th scope="col" class="run-a">A</th>
      <th scope="col" class="run-b">B</th>
      <th scope="col">B ÷ A</th>
    </tr>
  </thead>`;
}

function row(
  title: string,
  a: string,
  b: string,
  ofA: number,
  ofB: number,
  better: ComparedMetric["better"],
): Html {
  const winner = winnerOf(ofA, ofB, better);
  return html`<tr>
    <th scope="row">${title}</th>
    <td class="${winner === "a" ? "better" : ""}">${a}</td>
    <td class="${winner === "b" ? "better" : ""}">${b}</td>
    <td>${formatRatio(ofA, ofB)}</td>
  </tr>`;
}

/**
 * Two runs of the same server differ by a few percent. A difference of up to this share says nothing about the
 * servers.
 */
const noise_share = 0.05;

/** False if either value is NaN, which means not measured. */
function differClearly(a: number, b: number): boolean {
  return Math.abs(a - b) > noise_share * Math.max(Math.abs(a), Math.abs(b));
}

function winnerOf(a: number, b: number, better: ComparedMetric["better"]): "a" | "b" | null {
  if (better === null || !differClearly(a, b)) return null;
  return a < b === (better === "less") ? "a" : "b";
}
