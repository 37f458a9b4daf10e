import { type Html, html } from "./html.ts";
import { type OfficialResult, officialResults, officialSource, withoutFailure } from "./official-results.ts";
import { count } from "./format.ts";
import type { ChartSpec } from "./chart-spec.ts";
import type { ShownRun } from "./shown-run.ts";
import { figure } from "./chart-figure.ts";
import { scrolling } from "./tables.ts";
import { standingOf } from "./ranking.ts";

/** Where the runs stand among the contest's official results. */
export function fieldSection(runs: readonly ShownRun[], chart: ChartSpec): Html {
  const fullyPaid = withoutFailure.filter((one) => one.p99Ms <= 250).length;
  return html`<section>
    <h2>Among the ${count(officialResults.length)} official results</h2>
    ${runs.map((run) => place(run))}
    ${figure(
      chart,
      "Official results without a failure, by p99",
      html`Of ${count(officialResults.length)} official results ${count(withoutFailure.length)} had no failed
      request. The curve counts those of them that had at most the p99 below it.`,
    )}
    ${runs.map((run) => neighbours(run))}
    <p class="soft">
      Places go by the share of failed requests, then p99, then max, in whole milliseconds as the contest
      published them. Payment does not tell the best apart: at least ${count(fullyPaid)} lost nothing of it.
      The official runs had another machine and 1.5 CPU and 550 MB for the whole system, so a place here shows
      the class of a result; it is no ranking. Source: ${officialSource}.
    </p>
  </section>`;
}

function place({ name, result }: ShownRun): Html {
  const standing = standingOf(result);
  const subject = name === "this run" ? "This run" : `Run ${name}`;
  if (standing === null) {
    return html`<p class="lead">
      ${subject} ${result.total.requests === 0 ? "measured nothing" : "was interrupted"}, so it has no place.
    </p>`;
  }
  const better = standing.place - 1;
  return html`<p class="lead">
    ${subject} would be in place <strong>${count(standing.place)}</strong>:
    ${better === 0 ? "no official result is" : better === 1 ? "one is" : `${count(better)} are`} better.
  </p>`;
}

function neighbours({ name, result }: ShownRun): Html | null {
  const standing = standingOf(result);
  if (standing === null) return null;
  const { above, run, below, place: own } = standing;
  const label = name === "this run" ? "This run and its neighbours" : `Run ${name} and its neighbours`;
  return scrolling(
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
        ${row(run, `${count(own)}. ${name === "this run" ? name : `run ${name}`}`, "own")}
        ${below.map((one) => row(one, one.participant, ""))}
      </tbody>
    </table>`,
  );
}

function row(one: OfficialResult, title: string, kind: "own" | ""): Html {
  return html`<tr class="${kind}">
    <th scope="row">${title}</th>
    ${[one.p50Ms, one.p75Ms, one.p95Ms, one.p99Ms, one.maxMs, one.failures].map((value) => html`<td>${count(value)}</td>`)}
  </tr>`;
}
