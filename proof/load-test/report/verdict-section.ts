import { type Html, html } from "./html.ts";
import {
  formatCount,
  formatCounted,
  formatDuration,
  formatLatency,
  formatPercent,
  formatUsd,
} from "./format.ts";
import type { RunResult } from "../run-result.ts";
import { officialResults } from "./official-results.ts";
import { rankingOf } from "./ranking.ts";
import type { ShownRun } from "./shown-run.ts";

/** The outcome of a run. An interrupted run is not a failed one. */
export type RunOutcome = "empty" | "interrupted" | "failed" | "passed";

/** The contest's prize, and its fine for each balance that was wrong. */
const prize_usd = 100_000;
const inconsistency_usd = 803.01;

export function runOutcomeOf(result: RunResult): RunOutcome {
  if (result.total.requests === 0) return "empty";
  if (!result.complete) return "interrupted";
  return result.verdict.passed ? "passed" : "failed";
}

const headlines: Readonly<Record<RunOutcome, string>> = {
  empty: "Nothing measured",
  interrupted: "Interrupted",
  failed: "Failed",
  passed: "Passed",
};

export function headline(result: RunResult): string {
  return headlines[runOutcomeOf(result)];
}

/** The verdict at the top of the page, with the payment as a T-account. */
export function verdictSection(result: RunResult): Html {
  const outcome = runOutcomeOf(result);
  return html`<section class="verdict ${outcome}" aria-labelledby="verdict">
    <div>
      <h1 id="verdict"><span class="stamp">${headlines[outcome]}</span></h1>
      <p class="lead">${outcomeSentence(result)}</p>
      ${
        outcome === "empty"
          ? null
          : html`<p class="payment">
              <span class="label">${outcome === "interrupted" ? "Payment so far" : "Payment"}</span>
              <span class="sum">USD ${formatUsd(result.verdict.paymentUsd)}</span>
            </p>`
      }
    </div>
    ${outcome === "empty" ? null : paymentAccount(result)}
  </section>`;
}

/** A small form of the verdict, for a run next to another one. */
export function verdictCard({ name, colour, result }: ShownRun): Html {
  const outcome = runOutcomeOf(result);
  return html`<section class="card ${outcome} run-${colour}" aria-label="Run ${name}">
    <h2><span class="name">${name}</span> <span class="stamp">${headlines[outcome]}</span></h2>
    <p class="sum">${outcome === "empty" ? "–" : html`USD ${formatUsd(result.verdict.paymentUsd)}`}</p>
    <p>${outcomeSentence(result)}</p>
    <p class="soft">${result.url}</p>
  </section>`;
}

function outcomeSentence(result: RunResult): Html {
  const { total, failuresTotal, verdict } = result;
  switch (runOutcomeOf(result)) {
    case "empty":
      return html`The run ended before its first
      answer${failuresTotal > 0 ? ", with a failure told below" : ""}.`;
    case "interrupted":
      return html`It was ended after ${formatDuration(result.durationSeconds)}, before the load was complete:
      the figures are those measured until then, with ${formatCounted(failuresTotal, "failure")} in
      ${formatCounted(total.requests, "request")}. It does not count as passed.`;
    case "failed":
      return html`${capital(formatCounted(failuresTotal, "failure"))} in
      ${formatCounted(total.requests, "request")}${
        verdict.inconsistencies > 0
          ? html`, ${formatCounted(verdict.inconsistencies, "wrong balance")} among them`
          : ""
      }.`;
    case "passed":
      return html`${formatCount(total.requests)} requests, each answered as it should be: half of them within
      ${formatLatency(total.latency.p50Ms)}, 99% within ${formatLatency(total.latency.p99Ms)}, all within
      ${formatLatency(total.latency.maxMs)}.`;
  }
}

/** Prize and fines as a T-account (in Portuguese: razonete): debits on the left, credits on the right. */
function paymentAccount({ verdict }: RunResult): Html {
  const fines = verdict.fineForLatencyUsd + verdict.fineForInconsistenciesUsd;
  return html`<table class="account">
    <caption>
      The contest's account, in USD
    </caption>
    <thead>
      <tr>
        <th scope="col">Debit: fines</th>
        <th scope="col">Credit</th>
      </tr>
    </thead>
    <tbody>
      <tr>
        <td>
          <span class="entry">Slow answers</span>
          <span class="amount">${formatUsd(verdict.fineForLatencyUsd)}</span>
          <span class="soft">${formatPercent(verdict.shareUnder250ms)} under 250 ms, 98% due</span>
        </td>
        <td>
          <span class="entry">Prize</span>
          <span class="amount">${formatUsd(prize_usd)}</span>
        </td>
      </tr>
      <tr>
        <td>
          <span class="entry">Wrong balances</span>
          <span class="amount">${formatUsd(verdict.fineForInconsistenciesUsd)}</span>
          <span class="soft">${formatCount(verdict.inconsistencies)} × ${formatUsd(inconsistency_usd)}</span>
        </td>
        <td></td>
      </tr>
    </tbody>
    <tfoot>
      <tr>
        <td>
          <span class="entry">Fines</span>
          <span class="amount">${formatUsd(fines)}</span>
        </td>
        <td>
          <span class="entry">Payment</span>
          <span class="amount">${formatUsd(verdict.paymentUsd)}</span>
          ${fines > prize_usd ? html`<span class="soft">never under 0</span>` : null}
        </td>
      </tr>
    </tfoot>
  </table>`;
}

/** The figures that a reader looks for first. */
export function keyFigures(result: RunResult): Html {
  const { total, verdict, failuresTotal } = result;
  const { latency } = total;
  const ranking = rankingOf(result);
  const figures: readonly (readonly [string, string, boolean])[] = [
    ["requests", formatCount(total.requests), false],
    ["failures", formatCount(failuresTotal), failuresTotal > 0],
    ["wrong balances", formatCount(verdict.inconsistencies), verdict.inconsistencies > 0],
    ["under 250 ms", formatPercent(verdict.shareUnder250ms), verdict.shareUnder250ms < 0.98],
    ["p50", formatLatency(latency.p50Ms), false],
    ["p99", formatLatency(latency.p99Ms), latency.p99Ms >= 250],
    ["max", formatLatency(latency.maxMs), false],
    [
      "place",
      ranking === null ? "–" : `${formatCount(ranking.rank)} of ${formatCount(officialResults.length + 1)}`,
      false,
    ],
  ];
  return html`<dl class="figures">
    ${figures.map(
      ([term, value, bad]) =>
        html`<div>
          <dt>${term}</dt>
          <dd class="${bad ? "bad" : ""}">${value}</dd>
        </div>`,
    )}
  </dl>`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
