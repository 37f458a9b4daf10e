import { fileURLToPath } from "node:url";
import { type BenchContext, BenchEnvironment } from "../bench-environment.ts";
import type { BenchTarget, TargetLocation } from "../bench-target.ts";
import { startServer } from "../embedded-target.ts";
import { compareTargets, type Comparison, spread, warmUp } from "../measurement.ts";
import { type Ratios, ratiosOf } from "../ratios.ts";
import { formatSpread, grouped, type Spread } from "../statistics.ts";
import { describeComparison } from "../tables.ts";
import { measureCounting } from "./counting.ts";

export interface MetricsBenchOptions {
  readonly connections: readonly number[];
  readonly rounds: number;
  readonly seconds: number;
  /** What each server may use, in CPUs; 0: no limit. */
  readonly cpus: number;
}

interface MetricsComparison extends Comparison {
  readonly ratios: readonly Ratios[];
  /** What is counted of a transaction, as a share of its CPU without. */
  readonly share: number;
}

export interface MetricsBenchResult {
  /** What counting takes of one transaction that is a batch of its own, the dearest case. */
  readonly countingMicroseconds: Spread;
  readonly comparisons: readonly MetricsComparison[];
}

/**
 * Measures what metrics cost: transactions on an embedded ledger without, and on one with them that are read once a second.
 * In turn, in one run. The difference is less than what a busy machine adds and takes away, so what is done on the way of a
 * transaction is measured by itself as well. Quote the ratio with its spread, and the share where the spread is wider.
 *
 * @throws StartError if a server does not start or does not answer
 */
export async function benchMetrics(
  { connections, rounds, seconds, cpus }: MetricsBenchOptions,
  context: BenchContext,
): Promise<MetricsBenchResult> {
  const { say, signals } = context;
  await using environment = new BenchEnvironment(context);
  say(`${rounds} rounds of ${seconds} s; medians (least to greatest)\n`);
  const load = { seconds, signal: signals.stop } as const;
  const start = (name: "without" | "with") =>
    environment.start(name, cpus, (location) => startTarget(name, location));
  const targets = [await start("without"), await start("with")];
  for (const target of targets) await warmUp(target, load);
  const countingMicroseconds = measureCounting();
  const counting = countingMicroseconds.median;
  say(`what is counted of a transaction takes ${formatSpread(countingMicroseconds, 3)} µs\n`);
  const comparisons: MetricsComparison[] = [];
  for (const each of connections) {
    const title = `embedded, ${each} connections`;
    const measured = targets.map((target) => ({ target, load: { ...load, connections: each } }));
    const compared = await compareTargets(title, measured, rounds);
    const whole = spread(compared.samples["without"] ?? [], (sample) => sample.cpuMicroseconds).median;
    const ratios = ratiosOf(compared, [["with", "without"]]);
    const comparison = { ...compared, ratios, share: counting / whole };
    comparisons.push(comparison);
    const told = `  counting takes ${grouped((counting / whole) * 100, 2)} % of a transaction`;
    for (const line of [title, ...describeComparison(comparison), told, ""]) say(line);
  }
  return { countingMicroseconds, comparisons };
}

function startTarget(name: "without" | "with", { folder, group }: TargetLocation): Promise<BenchTarget> {
  const source = fileURLToPath(new URL("./watched-server.ts", import.meta.url));
  return startServer(name, "ledger", [
    ...(group?.commandPrefix ?? []),
    process.execPath,
    source,
    name,
    folder,
  ]);
}
