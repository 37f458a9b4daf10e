import { resolve } from "node:path";
import { type BenchContext, BenchEnvironment } from "./bench-environment.ts";
import { type EmbeddedTarget, startBareServer, startEmbeddedTarget } from "./embedded-target.ts";
import { compareTargets, type Comparison, warmUp } from "./measurement.ts";
import { transactionsIn } from "./open-accounts.ts";
import { type Ratios, ratiosOf } from "./ratios.ts";
import { checkAgainst, pairsOf } from "./shapes.ts";
import { THIS_CHECKOUT } from "./stack-target.ts";
import { grouped } from "./statistics.ts";
import { describeComparison } from "./tables.ts";
import { runWrk } from "./wrk.ts";

export interface EmbeddedBenchOptions {
  readonly connections: readonly number[];
  /** How many times each target is measured, in turn, for each line of the table. */
  readonly rounds: number;
  /** Length of one measurement. */
  readonly seconds: number;
  /** The folder of another checkout, to be measured in turn with this one. */
  readonly against?: string;
}

interface EmbeddedComparison extends Comparison {
  readonly ratios: readonly Ratios[];
}

export interface EmbeddedBenchResult {
  readonly comparisons: readonly EmbeddedComparison[];
  readonly residentBytes: number;
  readonly fileBytesEach: number;
}

const MEMORY_TRANSACTIONS = 1_000_000;
const MEMORY_LOAD = { connections: 64, seconds: 5 } as const;

/**
 * Measures the embedded ledger beside a bare Bun.serve, and beside another checkout if one is given. In turn, in one run,
 * so that a busy machine slows all of them equally: quote the ratios.
 *
 * @throws StartError if a target does not start or does not answer
 */
export async function benchEmbedded(
  options: EmbeddedBenchOptions,
  context: BenchContext,
): Promise<EmbeddedBenchResult> {
  const { connections, rounds, seconds, against } = options;
  const { say, signals } = context;
  checkAgainst(against);
  await using environment = new BenchEnvironment(context);
  say(`${rounds} rounds of ${seconds} s; medians (least to greatest)\n`);
  const bare = await environment.start("bare", 0, startBareServer);
  const start = (name: string, checkout: string): Promise<EmbeddedTarget> =>
    environment.start(name, 0, (location) => startEmbeddedTarget(name, checkout, location));
  const ours = await start("this", THIS_CHECKOUT);
  const targets = [bare, ours, ...(against === undefined ? [] : [await start("against", resolve(against))])];
  for (const target of targets) await warmUp(target, { seconds, signal: signals.stop });
  const comparisons: EmbeddedComparison[] = [];
  for (const each of connections) {
    const title = `${each} connection${each === 1 ? "" : "s"}`;
    const load = { connections: each, seconds, signal: signals.stop };
    const measuredTargets = targets.map((target) => ({ target, load }));
    const compared = await compareTargets(title, measuredTargets, rounds);
    const comparison = { ...compared, ratios: ratiosOf(compared, pairsOf(targets)) };
    comparisons.push(comparison);
    for (const line of [title, ...describeComparison(comparison), ""]) say(line);
  }
  return { comparisons, ...(await measureMemory(ours, context)) };
}

async function measureMemory(ledger: EmbeddedTarget, { say, signals }: BenchContext) {
  let transactions = await transactionsIn(ledger.url);
  while (transactions < MEMORY_TRANSACTIONS) {
    await runWrk({ url: ledger.url, ...MEMORY_LOAD, signal: signals.stop });
    transactions = await transactionsIn(ledger.url);
  }
  const residentBytes = ledger.residentBytes();
  const fileBytes = Bun.file(ledger.file).size;
  const fileBytesEach = fileBytes / transactions;
  const memory = `resident memory ${grouped(residentBytes / 1e6, 1)} MB`;
  const file = `the data file has ${grouped(fileBytes / 1e6, 1)} MB, ${grouped(fileBytesEach, 0)} bytes for each`;
  say(`after ${grouped(transactions, 0)} transactions: ${memory}; ${file}`);
  return { residentBytes, fileBytesEach };
}
