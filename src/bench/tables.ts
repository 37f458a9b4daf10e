import {
  circumstances,
  type Comparison,
  type Figure,
  processesOf,
  ratio,
  type Sample,
  spread,
} from "./sample.ts";
import { formatSpread, grouped } from "./statistics.ts";

/** A comparison as text for a terminal. */

/** Which targets are set in relation: what the first costs as a multiple of the second. */
export type Pair = readonly [name: string, other: string];

const throughput: Figure = (sample) => sample.requestsPerSecond;
const cpu: Figure = (sample) => sample.cpuMicroseconds;
const p50: Figure = (sample) => sample.p50Microseconds;
const p99: Figure = (sample) => sample.p99Microseconds;
const cpuOf =
  (process: string): Figure =>
  (sample) =>
    sample.cpuMicrosecondsByProcess[process] ?? 0;

/** A head line and aligned rows below it; the first column to the left, all others to the right. */
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

export function describeComparison(comparison: Comparison, pairs: readonly Pair[]): string[] {
  const entries = Object.entries(comparison.samples);
  const figures = entries.map(([name, samples]) => [
    name,
    formatSpread(spread(samples, throughput), 0),
    milliseconds(spread(samples, p50).median),
    milliseconds(spread(samples, p99).median),
    milliseconds(spread(samples, (sample) => sample.maxMicroseconds).greatest),
    formatSpread(spread(samples, cpu), 1),
  ]);
  const lines = aligned([["", "a second", "p50 ms", "p99 ms", "max ms", "CPU µs each"], ...figures]);
  const ledgers = entries.filter(([name]) => name !== "bare");
  const names = processesOf(ledgers.flatMap(([, samples]) => samples));
  const byProcess = ledgers.map(([name, samples]) => [
    name,
    ...names.map((process) => grouped(spread(samples, cpuOf(process)).median, 1)),
  ]);
  lines.push("", ...aligned([["CPU µs each, of", ...names], ...byProcess]), "");
  for (const pair of pairs) lines.push(...describePair(comparison, pair, names));
  return [...lines, ...circumstances(comparison).map((note) => `  ${note}`)];
}

function describePair({ samples }: Comparison, [name, other]: Pair, processes: readonly string[]): string[] {
  const [ones, others] = [samples[name] ?? [], samples[other] ?? []];
  const told = (figure: Figure): string => formatSpread(ratio(ones, others, figure), 2);
  const head = `  ${name} to ${other}: CPU ${told(cpu)}, a second ${told(throughput)}, p99 ${told(p99)}`;
  const shared = processes.filter((process) =>
    [...ones, ...others].every((sample) => isMeasurable(sample, process)),
  );
  // A bare server has other processes: only the balancer could be compared.
  if (other === "bare" || shared.length === 0) return [head];
  const each = shared.map((process) => `${process} ${told(cpuOf(process))}`);
  return [head, `    CPU by process: ${each.join(", ")}`];
}

/** Of a few ticks of the clock no ratio can be told. */
function isMeasurable(sample: Sample, process: string): boolean {
  return cpuOf(process)(sample) * sample.requests >= 50_000;
}

export function milliseconds(microseconds: number): string {
  return grouped(microseconds / 1000, 2);
}
