import { comparisonLead, kindsTable, metricsTable } from "./comparison.ts";
import { generatorSection, repeatBothSection, repeatSection } from "./conditions.ts";
import { headline, keyFigures, verdictCard, verdictSection } from "./verdict-section.ts";
import { type Html, html } from "./html.ts";
import { latencyTable, outcomesTable } from "./tables.ts";
import type { RunResult } from "../run-result.ts";
import type { ShownRun } from "./shown-run.ts";
import { chartsSection } from "./charts-section.ts";
import { failuresSection } from "./failures-section.ts";
import { rankingChart } from "./charts.ts";
import { rankingSection } from "./ranking-section.ts";
import { formatInstant } from "./format.ts";
import { notices } from "./notices.ts";
import { renderDocument } from "./document.ts";

/**
 * A run as one self-contained HTML page, which loads nothing and can be mailed, archived or opened from a disk.
 *
 * @param appendix a section with what else was measured in the run, after the figures of the load
 */
export function renderReport(result: RunResult, appendix: Html | null = null): string {
  const runs: readonly ShownRun[] = [{ name: "this run", colour: "p99", result }];
  const { markup, charts } = chartsSection(runs);
  const ranking = rankingChart(runs);
  const failures = failuresSection({ name: "this run", colour: "p99", result });
  return renderDocument({
    title: `${headline(result)}: load test of ${result.url}`,
    charts: [...charts, ranking],
    results: { result },
    main: html`${masthead(`Load test of ${result.url}`, formatInstant(result.startedAt))}
      ${verdictSection(result)} ${notices(runs)} ${result.total.requests > 0 ? keyFigures(result) : null}
      ${result.failuresTotal > 0 ? failures : null} ${markup}
      <section>
        <h2>By kind of request</h2>
        <h3>Latency, in ms</h3>
        ${latencyTable(result)}
        <h3>Outcomes</h3>
        ${outcomesTable(result, "Outcomes")}
      </section>
      ${appendix} ${result.failuresTotal > 0 ? null : failures} ${rankingSection(runs, ranking)}
      ${generatorSection(result)} ${repeatSection(result)}
      ${saveButtons({ result: "Save the figures (JSON)" })}`,
  });
}

/** Two runs on one page in the same form: their charts overlaid, their figures with ratios. */
export function renderComparison(a: RunResult, b: RunResult): string {
  const runs: readonly ShownRun[] = [
    { name: "A", colour: "a", result: a },
    { name: "B", colour: "b", result: b },
  ];
  const { markup, charts } = chartsSection(runs);
  const ranking = rankingChart(runs);
  return renderDocument({
    title: `Two load tests compared: ${a.url} and ${b.url}`,
    charts: [...charts, ranking],
    results: { "result-a": a, "result-b": b },
    main: html`${masthead("Two load tests compared", `A: ${formatInstant(a.startedAt)} · B: ${formatInstant(b.startedAt)}`)}
      <h1 class="compared">${comparisonLead(a, b)}</h1>
      <div class="cards">${runs.map((run) => verdictCard(run))}</div>
      ${notices(runs)}
      <section>
        <h2>In figures</h2>
        ${metricsTable(a, b)}
        <p class="soft">
          Green is better by more than 5%. Less may be chance: two runs of one server differ too.
        </p>
      </section>
      ${markup}
      <section>
        <h2>By kind of request</h2>
        ${kindsTable(a, b)}
        <h3>Outcomes of A</h3>
        ${outcomesTable(a, "Outcomes of A")}
        <h3>Outcomes of B</h3>
        ${outcomesTable(b, "Outcomes of B")}
      </section>
      ${runs.map((run) => failuresSection(run))} ${rankingSection(runs, ranking)} ${repeatBothSection(a, b)}
      ${saveButtons({ "result-a": "Save the figures of A (JSON)", "result-b": "Save the figures of B (JSON)" })}`,
  });
}

function masthead(title: string, detail: string): Html {
  return html`<header>
    <p class="brand">razonete</p>
    <p>${title}</p>
    <p class="soft">${detail}</p>
  </header>`;
}

/** Hidden until the page's script runs, since they need it. */
function saveButtons(labels: Readonly<Record<string, string>>): Html {
  return html`<p class="save">
    ${Object.entries(labels).map(
      ([id, label]) =>
        html`<button type="button" hidden data-save="${id}" data-name="${id}.json">${label}</button> `,
    )}
  </p>`;
}
