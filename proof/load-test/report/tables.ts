import { type Html, html } from "./html.ts";
import type { KindResult, RunResult } from "../run-result.ts";
import { formatCount, formatMilliseconds, formatPercent } from "./format.ts";

const names: Readonly<Record<KindResult["kind"], string>> = {
  debit: "Debits",
  credit: "Credits",
  statement: "Statements",
  check: "Checks",
  total: "All",
};

export function kindName({ kind }: KindResult): string {
  return names[kind];
}

/** The latencies of each kind of request. A phone has room for seven columns. */
export function latencyTable({ kinds, total }: RunResult): Html {
  return scrollingTable(
    "Latency by kind of request",
    html`<table class="data" data-table="latency">
      <thead>
        <tr>
          <th scope="col">Kind</th>
          <th scope="col">mean</th>
          <th scope="col">p50</th>
          <th scope="col">p75</th>
          <th scope="col">p95</th>
          <th scope="col">p99</th>
          <th scope="col">max</th>
        </tr>
      </thead>
      <tbody>
        ${kinds.map((kind) => latencyRow(kind))}
      </tbody>
      <tfoot>
        ${latencyRow(total)}
      </tfoot>
    </table>`,
  );
}

function latencyRow(kind: KindResult): Html {
  const { meanMs, p50Ms, p75Ms, p95Ms, p99Ms, maxMs } = kind.latency;
  // Without requests there is no latency, although the figures are 0.
  const shown = (value: number): string => (kind.requests === 0 ? "–" : formatMilliseconds(value));
  return html`<tr>
    <th scope="row">${kindName(kind)}</th>
    ${[meanMs, p50Ms, p75Ms, p95Ms, p99Ms, maxMs].map((value) => html`<td>${shown(value)}</td>`)}
  </tr>`;
}

/**
 * Requests and failures of each kind, and how often each outcome occurred: status codes first, then transport
 * failures.
 */
export function outcomesTable({ kinds, total }: RunResult, label: string): Html {
  const outcomes = [...new Set([total, ...kinds].flatMap((kind) => Object.keys(kind.outcomes)))].toSorted(
    (a, b) => Number(!isStatus(a)) - Number(!isStatus(b)) || a.localeCompare(b),
  );
  const row = (kind: KindResult): Html =>
    html`<tr>
      <th scope="row">${kindName(kind)}</th>
      <td>${formatCount(kind.requests)}</td>
      <td class="${kind.failures > 0 ? "bad" : ""}">${formatCount(kind.failures)}</td>
      ${outcomes.map((outcome) => outcomeCell(kind, outcome))}
    </tr>`;
  return scrollingTable(
    label,
    html`<table class="data" data-table="outcomes">
      <thead>
        <tr>
          <th scope="col">Kind</th>
          <th scope="col">Requests</th>
          <th scope="col">Failures</th>
          ${outcomes.map(
            (outcome) =>
              html`<th scope="col" class="${isErrorOutcome(outcome) ? "bad" : ""}">
                ${outcome}${outcomeMeaning(outcome)}
              </th>`,
          )}
        </tr>
      </thead>
      <tbody>
        ${kinds.map((kind) => row(kind))}
      </tbody>
      <tfoot>
        ${row(total)}
      </tfoot>
    </table>`,
  );
}

function outcomeCell(kind: KindResult, outcome: string): Html {
  const times = kind.outcomes[outcome] ?? 0;
  if (times === 0) return html`<td class="soft">·</td>`;
  return html`<td class="${isErrorOutcome(outcome) ? "bad" : ""}">
    ${formatCount(times)} <span class="soft">${formatPercent(times / kind.requests)}</span>
  </td>`;
}

const meanings: Readonly<Record<string, string>> = {
  "200": "done",
  "400": "bad request",
  "404": "no account",
  "422": "refused",
};

function outcomeMeaning(outcome: string): Html | null {
  const text = meanings[outcome];
  return text === undefined ? null : html`<span class="soft"> ${text}</span>`;
}

function isStatus(outcome: string): boolean {
  return /^\d{3}$/u.test(outcome);
}

function isErrorOutcome(outcome: string): boolean {
  return !isStatus(outcome) || outcome >= "500";
}

/** A wide table scrolls in its own frame, also by keyboard, so the page never scrolls sideways. */
export function scrollingTable(label: string, table: Html): Html {
  return html`<div class="scroll" role="region" aria-label="${label}" tabindex="0">${table}</div>`;
}
