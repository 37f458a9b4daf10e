import type { Ratios } from "./ratios.ts";
import {
  comparisonNotes,
  type Comparison,
  cpuOf,
  type Metric,
  processesOf,
  type BenchSample,
  spread,
} from "./measurement.ts";
import { formatSpread, grouped, type Spread } from "./statistics.ts";

/** A comparison as text for a terminal. */

const throughput: Metric = (sample) => sample.requestsPerSecond;
const cpu: Metric = (sample) => sample.cpuMicroseconds;
const p50: Metric = (sample) => sample.p50Microseconds;
const p99: Metric = (sample) => sample.p99Microseconds;

/** Aligned rows, the headings first: the first column aligned to the left, all others to the right. */
export function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  }
  return rows.map((row) => {
    const cells = row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
    );
    return `  ${cells.join("  ")}`.trimEnd();
  });
}

export function describeComparison(
  comparison: Comparison & { readonly ratios: readonly Ratios[] },
): string[] {
  const entries = Object.entries(comparison.samples);
  const figures = entries.map(([name, samples]) => [
    name,
    formatSpread(spread(samples, throughput), 0),
    milliseconds(spread(samples, p50).median),
    milliseconds(spread(samples, p99).median),
    milliseconds(spread(samples, (sample) => sample.maxMicroseconds).greatest),
    formatSpread(spread(samples, cpu), digitsOf(spread(samples, cpu).median)),
  ]);
  return [
    ...aligned([["", "a second", "p50 ms", "p99 ms", "max ms", "CPU µs each"], ...figures]),
    "",
    ...describeProcesses(entries),
    "",
    ...describeRatios(comparison.ratios),
    ...comparisonNotes(comparison).map((note) => `  ${note}`),
  ];
}

/** Only the balancer is a process of both a bare server and a ledger; what a target does not have is a dash. */
function describeProcesses(entries: readonly (readonly [string, readonly BenchSample[]])[]): string[] {
  const names = processesOf(entries.flatMap(([, samples]) => samples));
  const rows = entries.map(([name, samples]) => {
    const own = new Set(processesOf(samples));
    return [
      name,
      ...names.map((process) =>
        own.has(process) ? microsecondsText(spread(samples, cpuOf(process)).median) : "–",
      ),
    ];
  });
  return aligned([["CPU µs each, of", ...names], ...rows]);
}

function describeRatios(ratios: readonly Ratios[]): string[] {
  const format = (of: Spread): string => formatSpread(of, 2);
  const rows = ratios.map((of) => [
    `${of.name} to ${of.other}`,
    format(of.cpuMicroseconds),
    format(of.requestsPerSecond),
    format(of.p50Microseconds),
    format(of.p99Microseconds),
    format(of.maxMicroseconds),
  ]);
  const byProcess = ratios.flatMap(({ name, other, cpuMicrosecondsByProcess }) => {
    const each = Object.entries(cpuMicrosecondsByProcess).map(([process, of]) => `${process} ${format(of)}`);
    return each.length === 0 ? [] : [`  CPU by process, ${name} to ${other}: ${each.join(", ")}`];
  });
  return [...aligned([["ratios", "CPU", "a second", "p50", "p99", "max"], ...rows]), ...byProcess];
}

function microsecondsText(value: number): string {
  return grouped(value, digitsOf(value));
}

/** A transaction of a batch takes so little that one digit would not tell much. */
function digitsOf(value: number): number {
  return value < 10 ? 2 : 1;
}

export function milliseconds(value: number): string {
  return grouped(value / 1000, 2);
}
