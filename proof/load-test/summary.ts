import { loadTestBounds } from "./load-test-bounds.ts";
import type { KindResult, RunResult } from "./run-result.ts";

const HEADINGS = ["", "requests", "failures", "p50 ms", "p75 ms", "p95 ms", "p99 ms", "max ms"] as const;
const NAMES: Readonly<Record<KindResult["kind"], string>> = {
  debit: "debits",
  credit: "credits",
  statement: "statements",
  check: "checks",
  total: "total",
};

/** A run as text for a terminal: the figures of each kind, the first failures, the verdict. */
export function summaryOf(result: RunResult): string {
  const { failures, failuresTotal, generator, complete } = result;
  const lines = [...table([...result.kinds, result.total]), ""];
  if (!complete) lines.push("The run ended early: these are the figures until then.", "");
  const shown = failures.slice(0, loadTestBounds.failures_shown_max);
  for (const { check, message, atSeconds } of shown)
    lines.push(`✗ ${atSeconds.toFixed(1)} s ${check}: ${message}`);
  if (failuresTotal > shown.length) lines.push(`  and ${number(failuresTotal - shown.length)} more failures`);
  if (shown.length > 0) lines.push("");
  for (const note of result.notes ?? []) lines.push(`Note: ${note}.`);
  if (generator.bottleneck) {
    lines.push(
      `Warning: this machine was too slow to send on time (p99 ${generator.delayP99Ms.toFixed(1)} ms late), ` +
        `so that the times are not the system's alone.`,
    );
  }
  lines.push(...verdictLines(result));
  return lines.join("\n");
}

function verdictLines({ verdict, failuresTotal, generator, timeline, complete }: RunResult): string[] {
  const { passed, shareUnder250ms, inconsistencies, paymentUsd } = verdict;
  const outcome = passed ? "PASSED" : complete || failuresTotal > 0 ? "FAILED" : "INTERRUPTED";
  const failed = `${outcome}: ${number(failuresTotal)} failures, ${number(inconsistencies)} of them inconsistent balances`;
  // The share and the payment are about the load. If it was not reached, there are none.
  if (timeline.length === 0) return [`${failed}; the load was not reached`];
  // A wrong answer costs a failed run nothing, if no balance is wrong by it: that is the contest's rule, not a mistake here.
  const would = passed
    ? "The contest would pay"
    : "By its fines for slow answers and wrong balances alone, the contest would pay";
  const fines = verdict.fineForLatencyUsd + verdict.fineForInconsistenciesUsd;
  return [
    `${failed}; ${percent(shareUnder250ms)} answered within 250 ms`,
    `${would} ${usd(paymentUsd)} (fines ${usd(fines)}). ` +
      `Requests started ${generator.delayP50Ms.toFixed(2)} ms after they were due (p99 ${generator.delayP99Ms.toFixed(2)} ms).`,
  ];
}

function table(kinds: readonly KindResult[]): string[] {
  const rows = [[...HEADINGS] as string[]];
  for (const { kind, requests, failures, latency } of kinds) {
    const { p50Ms, p75Ms, p95Ms, p99Ms, maxMs } = latency;
    const times = [p50Ms, p75Ms, p95Ms, p99Ms, maxMs].map((milliseconds) => milliseconds.toFixed(2));
    rows.push([NAMES[kind], number(requests), number(failures), ...times]);
  }
  const widths = HEADINGS.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join("  "),
  );
}

function number(value: number): string {
  return value.toLocaleString("en-US");
}

function usd(value: number): string {
  return `USD ${value.toLocaleString("en-US", { minimumFractionDigits: 2 })}`;
}

/** Rounded down, so that 100 % means all of them. */
function percent(share: number): string {
  return `${(Math.floor(share * 10_000) / 100).toFixed(2)} %`;
}
