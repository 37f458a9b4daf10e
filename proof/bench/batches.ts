import { StartError } from "../../src/errors.ts";
import { type BenchContext, BenchEnvironment } from "./bench-environment.ts";
import type { BenchTarget } from "./bench-target.ts";
import {
  type BenchSample,
  compareTargets,
  type Comparison,
  cpuOf,
  processesOf,
  spread,
  WARM_UP,
  warmUp,
} from "./measurement.ts";
import { openAccounts, transactionsIn } from "./open-accounts.ts";
import { type Ratios, ratiosOf } from "./ratios.ts";
import { checkAgainst, pairsOf, type Shape, startBare, startLedgers } from "./shapes.ts";
import { grouped } from "./statistics.ts";
import { describeComparison } from "./tables.ts";
import { PER_REQUEST } from "./wrk.ts";

export interface BatchesBenchOptions {
  readonly shapes: readonly Shape[];
  readonly connections: readonly number[];
  readonly accounts: number;
  readonly rounds: number;
  readonly seconds: number;
  /** What all processes of a target together may use, in CPUs; 0: no limit. */
  readonly cpus: number;
  /** The folder of another checkout, to be measured in turn with this one. */
  readonly against?: string;
}

interface BatchesComparison extends Comparison {
  readonly shape: Shape;
  readonly ratios: readonly Ratios[];
}

export interface BatchesBenchResult {
  readonly comparisons: readonly BatchesComparison[];
}

/** The most that any other ledger was published to do: transactions a second, on three machines of 8 cores. */
const MARK = 106_000;

/** On a busy machine these take a while; before them, the JIT compilers are what is measured. */
const WARM_UP_TRANSACTIONS = 20_000;

/**
 * Measures transfers between accounts in batches of 50, each checked against its limit, beside a bare server that parses
 * the same bodies. In turn, in one run: quote the ratios, and the CPU by process.
 *
 * @throws StartError if a target does not start or does not answer, or did not do all that it answered
 */
export async function benchBatches(
  options: BatchesBenchOptions,
  context: BenchContext,
): Promise<BatchesBenchResult> {
  const { shapes, connections, accounts, rounds, seconds, cpus, against } = options;
  const { say, signals } = context;
  checkAgainst(against);
  await using environment = new BenchEnvironment(context);
  say(`${rounds} rounds of ${seconds} s; medians (least to greatest); batches of ${PER_REQUEST.batches}`);
  say("each: of a transaction, of which all is counted up to when it is in the books; times: of a batch\n");
  const comparisons: BatchesComparison[] = [];
  for (const shape of shapes) {
    const bare = await environment.start(`${shape}-bare`, cpus, (location) => startBare(shape, location));
    const ledgers = await startLedgers(shape, against, cpus, environment, signals.stop);
    const counts = new Map<BenchTarget, Counted>();
    const load = { seconds, accounts, what: "batches", signal: signals.stop } as const;
    for (const target of [bare, ...ledgers]) {
      if (target !== bare) await openAccounts(target.url, accounts);
      const counted = { answered: 0, inFlight: 0 };
      while (counted.answered < WARM_UP_TRANSACTIONS) {
        counted.answered += (await warmUp(target, load)).requests;
        counted.inFlight += WARM_UP.connections;
      }
      if (target !== bare) counts.set(target, counted);
    }
    for (const each of connections) {
      const title = `${shape}, ${each} connections, ${grouped(accounts, 0)} accounts`;
      const targets = [bare, ...ledgers];
      const measuredTargets = targets.map((target) => ({ target, load: { ...load, connections: each } }));
      const compared = await compareTargets(title, measuredTargets, rounds);
      const comparison = { shape, ...compared, ratios: ratiosOf(compared, pairsOf(targets)) };
      comparisons.push(comparison);
      for (const line of [title, ...describeComparison(comparison), ...describeNeed(compared), ""]) say(line);
      for (const [target, counted] of counts) {
        for (const sample of compared.samples[target.name] ?? []) {
          counted.answered += sample.requests;
          counted.inFlight += each;
        }
      }
    }
    for (const [target, counted] of counts) await checkAllDone(target, counted);
    for (const target of [bare, ...ledgers]) await environment.end(target);
  }
  return { comparisons };
}

interface Counted {
  answered: number;
  /** Requests that may have been cut off at the end of a measurement, of which nobody knows whether they were done. */
  inFlight: number;
}

/** That no transfer was refused, or answered and not done. */
async function checkAllDone(target: BenchTarget, { answered, inFlight }: Counted): Promise<void> {
  const done = await transactionsIn(target.url);
  if (done >= answered && done <= answered + inFlight * PER_REQUEST.batches) return;
  const counts = `${grouped(answered, 0)} transactions were answered, and ${grouped(done, 0)} are there`;
  throw new StartError(`${target.name}: ${counts}: these figures are worth nothing.`);
}

/** How many CPUs the mark would take, and which process takes them. */
function describeNeed({ samples }: Comparison): string[] {
  const cpusOf = (of: readonly BenchSample[], metric: (sample: BenchSample) => number): string =>
    grouped((spread(of, metric).median * MARK) / 1e6, 2);
  return Object.entries(samples).map(([name, of]) => {
    const processes = processesOf(of).map((process) => `${process} ${cpusOf(of, cpuOf(process))}`);
    const all = cpusOf(of, (sample) => sample.cpuMicroseconds);
    return `  ${grouped(MARK, 0)} a second would take ${all} CPUs of ${name}: ${processes.join(", ")}`;
  });
}
