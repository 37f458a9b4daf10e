import { type BenchContext, BenchEnvironment } from "./bench-environment.ts";
import type { BenchTarget } from "./bench-target.ts";
import { compareTargets, type Comparison, type MeasuredTarget, warmUp } from "./measurement.ts";
import { openAccounts } from "./open-accounts.ts";
import { type Ratios, ratiosOf, type TargetPair } from "./ratios.ts";
import { checkAgainst, type Shape, startLedgers } from "./shapes.ts";
import { describeComparison } from "./tables.ts";

export interface MovesBenchOptions {
  readonly shapes: readonly Shape[];
  readonly connections: readonly number[];
  readonly rounds: number;
  readonly seconds: number;
  /** What all processes of a target together may use, in CPUs; 0: no limit. */
  readonly cpus: number;
  /** The folder of another checkout, whose transactions on the contest's route are measured in turn with this one's. */
  readonly against?: string;
}

interface MovesComparison extends Comparison {
  readonly shape: Shape;
  readonly ratios: readonly Ratios[];
}

export interface MovesBenchResult {
  readonly comparisons: readonly MovesComparison[];
}

/** As many as the contest has. */
const ACCOUNTS = 5;

/** What is compared with a transaction on the contest's route, under the names that the tables have. */
const MOVES = { transfer: "transfers", "hold, capture": "holds" } as const;

/**
 * Measures a transfer, which has two entries, and a hold with its capture beside a transaction on the contest's route, all
 * on the same ledger. In turn, in one run: quote the ratios.
 *
 * @throws StartError if a target does not start or does not answer
 */
export async function benchMoves(
  options: MovesBenchOptions,
  context: BenchContext,
): Promise<MovesBenchResult> {
  const { shapes, connections, rounds, seconds, cpus, against } = options;
  const { say, signals } = context;
  checkAgainst(against);
  await using environment = new BenchEnvironment(context);
  say(`${rounds} rounds of ${seconds} s; medians (least to greatest)`);
  say("CPU is that of all processes, up to when it is in the books; a hold and its capture count together\n");
  const comparisons: MovesComparison[] = [];
  for (const shape of shapes) {
    const ledgers = await startLedgers(shape, against, cpus, environment, signals.stop);
    const load = { seconds, accounts: ACCOUNTS, signal: signals.stop };
    const measured = await measuredOf(ledgers, load);
    for (const { target, load: each } of measured) await warmUp(target, each);
    for (const each of connections) {
      const title = `${shape}, ${each} connections`;
      const measuredTargets = measured.map((one) => ({ ...one, load: { ...one.load, connections: each } }));
      const compared = await compareTargets(title, measuredTargets, rounds);
      const comparison = { shape, ...compared, ratios: ratiosOf(compared, pairsOf(measured)) };
      comparisons.push(comparison);
      for (const line of [title, ...describeComparison(comparison), ""]) say(line);
    }
    for (const target of ledgers) await environment.end(target);
  }
  return { comparisons };
}

type Measured = Omit<MeasuredTarget, "load"> & { readonly load: Omit<MeasuredTarget["load"], "connections"> };

async function measuredOf(
  [ours, ...others]: readonly BenchTarget[],
  load: Measured["load"],
): Promise<Measured[]> {
  if (ours === undefined) return [];
  await openAccounts(ours.url, ACCOUNTS);
  const moves = Object.entries(MOVES).map(([name, what]) => ({
    target: { ...ours, name },
    load: { ...load, what },
  }));
  return [ours, ...others].map((target): Measured => ({ target, load })).concat(moves);
}

function pairsOf(measured: readonly Measured[]): TargetPair[] {
  const names = measured.map(({ target }) => target.name);
  const moves = Object.keys(MOVES);
  const pairs = moves.map((name): TargetPair => [name, "this"]);
  if (!names.includes("against")) return pairs;
  return [...pairs, ["this", "against"], ...moves.map((name): TargetPair => [name, "against"])];
}
