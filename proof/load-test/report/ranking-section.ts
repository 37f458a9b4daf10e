import { type Html, html } from "./html.ts";
import { type OfficialResult, officialResults, officialSource, withoutFailure } from "./official-results.ts";
import { formatCount } from "./format.ts";
import type { ChartSpec } from "./chart-spec.ts";
import type { ShownRun } from "./shown-run.ts";
import { chartFigure } from "./chart-figure.ts";
import { scrollingTable } from "./tables.ts";
import { rankingOf } from "./ranking.ts";

/** The rank of the runs among the contest's official results. */
export function rankingSection(runs: readonly ShownRun[], chart: ChartSpec): Html {
  const fullyPaid = withoutFailure.filter((one) => one.p99Ms <= 250).length;
  return html`<section>
    <h2>Among the ${formatCount(officialResults.length)} official results</h2>
    ${runs.map((run) => rankSentence(run))}
    ${chartFigure(
      chart,
      "Official results without a failure, by p99",
      html`Of ${formatCount(officialResults.length)} official results ${formatCount(withoutFailure.length)}
      had no failed request. The curve counts those of them that had at most the p99 below it.`,
    )}
    ${runs.map((run) => neighboursTable(run))}
    <p class="soft">
      Places go by the share of failed requests, then p99, then max, in whole milliseconds as the contest
      published them. Payment does not tell the best apart: at least ${formatCount(fullyPaid)} lost nothing of
      it. The official runs had another machine and 1.5 CPU and 550 MB for the whole system, so a place here
      shows the class of a result; it is no ranking. Source: ${officialSource}.
    </p>
  </section>`;
}

function rankSentence({ name, result }: ShownRun): Html {
  const ranking = rankingOf(result);
  const subject = name === "this run" ? "This run" : `Run ${name}`;
  if (ranking === null) {
    return html`<p class="lead">
      ${subject} ${result.total.requests === 0 ? "measured nothing" : "was interrupted"}, so it has no place.
    </p>`;
  }
  const better = ranking.rank - 1;
  return html`<p class="lead">
    ${subject} would be in place <strong>${formatCount(ranking.rank)}</strong>:
    ${better === 0 ? "no official result is" : better === 1 ? "one is" : `${formatCount(better)} are`} better.
  </p>`;
}

function neighboursTable({ name, result }: ShownRun): Html | null {
  const ranking = rankingOf(result);
  if (ranking === null) return null;
  const { above, run, below, rank: own } = ranking;
  const label = name === "this run" ? "This run and its neighbours" : `Run ${name} and its neighbours`;
  return scrollingTable(
    label,
    html`<table class="data">
      <caption>
        ${label}; times in ms
      </caption>
      <thead>
        <tr>
          <th scope="col">Result</th>
          <th scope="col">p50</th>
          <th scope="col">p75</th>
          <th scope="col">p95</th>
          <th scope="col">p99</th>
          <th scope="col">max</th>
          <th scope="col">Failures</th>
        </tr>
      </thead>
      <tbody>
        ${above.map((one) => row(one, one.participant, ""))}
        ${row(run, `${formatCount(own)}. ${name === "this run" ? name : `run ${name}`}`, "own")}
        ${below.map((one) => row(one, one.participant, ""))}
      </tbody>
    </table>`,
  );
}

function row(one: OfficialResult, title: string, kind: "own" | ""): Html {
  return html`<tr class="${kind}">
    <th scope="row">${title}</th>
    ${[one.p50Ms, one.p75Ms, one.p95Ms, one.p99Ms, one.maxMs, one.failures].map((value) => html`<td>${formatCount(value)}</td>`)}
  </tr>`;
}
