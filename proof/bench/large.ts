import { StartError } from "../../src/errors.ts";
import { startBareTarget } from "./bare-target.ts";
import { BenchProgress } from "./bench-progress.ts";
import { Filler } from "./fill.ts";
import { type TargetPair, type Ratios, ratiosOf } from "./ratios.ts";
import { compareTargets, type Comparison, warmUp } from "./measurement.ts";
import { type StackTarget, startStackTarget, THIS_CHECKOUT } from "./stack-target.ts";
import { grouped } from "./statistics.ts";
import { describeComparison } from "./tables.ts";
import { type BenchContext, BenchEnvironment } from "./bench-environment.ts";

export interface LargeBenchOptions {
  readonly connections: readonly number[];
  readonly rounds: number;
  readonly seconds: number;
  /** What all processes of a target together may use, in CPUs; 0: no limit. */
  readonly cpus: number;
  readonly accounts: number;
  readonly entries: number;
}

export interface LargeBenchResult {
  /** From the start of the first process to the first answer, in seconds. */
  readonly readySeconds: Readonly<Record<ReadyCase, number>>;
  readonly comparisons: readonly LargeComparison[];
}

interface LargeComparison extends Comparison {
  /** How many entries were filled in before. */
  readonly entries: number;
  readonly ratios: readonly Ratios[];
}

/** All with existing data, since a first start includes the creation of the database. */
type ReadyCase = "smallAfterStop" | "largeAfterStop" | "largeAfterKill" | "filledAfterStop";

const SMALL_ACCOUNTS = 5;
/** Each filled account gets this many entries: a history of several pages. */
const ENTRIES_EACH = 100;
const NAMES = { small: "small", large: "large" } as const;
const PAIRS: readonly TargetPair[] = [
  ["large", "bare"],
  ["small", "bare"],
  ["large", "small"],
];

/**
 * Measures whether the cost grows with the size: a stack with very many accounts, used at random, beside one with the
 * contest's five, and beside bare servers behind the same balancer; then the same with very many entries in its books.
 * In turn, in one run: quote the ratios.
 *
 * @throws StartError if a target does not start or does not answer
 */
export async function benchLarge(
  options: LargeBenchOptions,
  context: BenchContext,
): Promise<LargeBenchResult> {
  const { accounts, entries, cpus } = options;
  if (accounts < SMALL_ACCOUNTS) throw new StartError(`--accounts must be at least ${SMALL_ACCOUNTS}.`);
  const { say, signals } = context;
  await using environment = new BenchEnvironment(context);
  const missing = cpus === 0 ? null : BenchEnvironment.limitsMissing();
  if (missing !== null) say(`Without limits of CPU: ${missing}`);
  const start = (name: string): Promise<StackTarget> =>
    environment.start(name, cpus, (location) =>
      startStackTarget(name, THIS_CHECKOUT, location, signals.stop),
    );

  const bare = await environment.start("bare", cpus, startBareTarget);
  const unused = await start(NAMES.small);
  await environment.end(unused);
  const small = await start(NAMES.small);
  const empty = await start(NAMES.large);
  await fill(empty, `opening ${grouped(accounts, 0)} accounts`, accounts - SMALL_ACCOUNTS, (filler) =>
    filler.accounts(accounts),
  );
  await environment.end(empty);
  const afterStop = await start(NAMES.large);
  await environment.end(afterStop, () => afterStop.kill());
  const afterKill = await start(NAMES.large);
  const ready = (seconds: number): string => `${seconds.toFixed(1)} s`;
  say(
    `start to first answer with ${grouped(accounts, 0)} accounts: ${ready(afterStop.readySeconds)} after a stop,`,
  );
  say(
    `  ${ready(afterKill.readySeconds)} after a kill of everything; with ${SMALL_ACCOUNTS}, after a stop, ${ready(small.readySeconds)}`,
  );
  say(`${options.rounds} rounds of ${options.seconds} s; medians (least to greatest)\n`);

  const comparisons: LargeComparison[] = [];
  const measureAll = async (
    large: StackTarget,
    what: "transactions" | "statements",
    ofAccounts: number,
    filledIn: number,
  ): Promise<void> => {
    for (const connections of options.connections) {
      const [of, entered] = [grouped(ofAccounts, 0), grouped(filledIn, 0)];
      const title = `${what}, ${connections} connections, of ${of} accounts at random, ${entered} entries filled in`;
      // Each at random over its own accounts, so that the generator has the same work for all targets.
      const load = {
        connections,
        seconds: options.seconds,
        what,
        order: "random",
        signal: signals.stop,
      } as const;
      const measuredTargets = [
        { target: small, load: { ...load, accounts: SMALL_ACCOUNTS } },
        { target: large, load: { ...load, accounts: ofAccounts } },
        { target: bare, load: { ...load, accounts: ofAccounts } },
      ];
      const compared = await compareTargets(title, measuredTargets, options.rounds);
      const comparison = { entries: filledIn, ...compared, ratios: ratiosOf(compared, PAIRS) };
      comparisons.push(comparison);
      for (const line of [title, ...describeComparison(comparison), ""]) say(line);
    }
  };
  const warming = { seconds: options.seconds, order: "random", signal: signals.stop } as const;
  await warmUp(bare, { ...warming, accounts });
  await warmUp(small, warming);
  await warmUp(afterKill, { ...warming, accounts });
  await measureAll(afterKill, "transactions", accounts, 0);

  const each = Math.min(ENTRIES_EACH, entries);
  const filledAccounts = Math.min(accounts, Math.ceil(entries / each));
  const perAccount = Math.ceil(entries / filledAccounts);
  await afterKill.settle();
  await fill(afterKill, `entering ${grouped(entries, 0)} entries`, filledAccounts * perAccount, (filler) =>
    filler.entries(1, filledAccounts, perAccount),
  );
  await environment.end(afterKill);
  const filled = await start(NAMES.large);
  say(`start to first answer with ${grouped(entries, 0)} entries besides: ${ready(filled.readySeconds)}\n`);
  await warmUp(filled, { ...warming, accounts });
  await measureAll(filled, "transactions", accounts, filledAccounts * perAccount);
  // Only accounts with full statements, which the five accounts have too.
  await measureAll(filled, "statements", filledAccounts, filledAccounts * perAccount);
  return {
    readySeconds: {
      smallAfterStop: small.readySeconds,
      largeAfterStop: afterStop.readySeconds,
      largeAfterKill: afterKill.readySeconds,
      filledAfterStop: filled.readySeconds,
    },
    comparisons,
  };
}

async function fill(
  target: StackTarget,
  title: string,
  steps: number,
  use: (filler: Filler) => Promise<void>,
): Promise<void> {
  const progress = new BenchProgress(title, steps);
  try {
    await using filler = await Filler.connect(target.description(), (count) => progress.step(count));
    await use(filler);
  } finally {
    progress.stop();
  }
}
