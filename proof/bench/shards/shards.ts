import { type BenchContext, BenchEnvironment } from "../bench-environment.ts";
import type { BenchTarget, TargetProcess } from "../bench-target.ts";
import { compareTargets, type Comparison, type MeasuredTarget, warmUp } from "../measurement.ts";
import { openAccountsOf } from "../open-accounts.ts";
import { type Ratios, ratiosOf, type TargetPair } from "../ratios.ts";
import { startStackTarget, type StackTarget, THIS_CHECKOUT } from "../stack-target.ts";
import { describeComparison } from "../tables.ts";
import { taggedAccountIds, tagsOfShards } from "./tagged-accounts.ts";

export interface ShardsBenchOptions {
  readonly shards: number;
  /** Of each shard, in a third ledger; 0: there is none. */
  readonly replicas: number;
  readonly connections: readonly number[];
  readonly rounds: number;
  readonly seconds: number;
  /** What all processes of a target together may use, in CPUs; 0: no limit. */
  readonly cpus: number;
}

interface ShardsComparison extends Comparison {
  readonly ratios: readonly Ratios[];
}

export interface ShardsBenchResult {
  readonly comparisons: readonly ShardsComparison[];
}

/** A ledger that is measured: what its table calls it, and the flags of `razonete stack`. */
interface Ledger {
  readonly name: string;
  readonly flags: readonly string[];
}

const INSIDE = ", transfer inside";
const ACROSS = ", transfer across";

/** What is asked of each ledger; what stands behind its name in the tables. */
const LOADS = [
  { suffix: "", what: "transactions" },
  { suffix: INSIDE, what: "transfers" },
  { suffix: ACROSS, what: "across" },
] as const;

const ACCOUNTS_A_SHARD = 200;

/**
 * Measures what it costs that the accounts are split: a ledger with several shards beside one with a single shard, the same
 * accounts in both; and beside these, if asked for, the same shards with replicas, on a Redis each. Each transaction, and each
 * transfer inside, is within one shard; each transfer across is between two, where there are several. In turn, in one run:
 * quote the ratios.
 *
 * @throws StartError if a target does not start or does not answer
 */
export async function benchShards(
  options: ShardsBenchOptions,
  context: BenchContext,
): Promise<ShardsBenchResult> {
  const { shards, replicas, connections, rounds, seconds, cpus } = options;
  const { say, signals } = context;
  await using environment = new BenchEnvironment(context);
  const missing = cpus === 0 ? null : BenchEnvironment.limitsMissing();
  if (missing !== null) say(`Without limits of CPU: ${missing}`);
  say(`${rounds} rounds of ${seconds} s; medians (least to greatest)`);
  say("CPU is that of all processes, up to when it is in the books\n");

  const tags = tagsOfShards(shards);
  const accounts = shards * ACCOUNTS_A_SHARD;
  const load = { seconds, accounts, tags, order: "random", signal: signals.stop } as const;
  const ledgers: Ledger[] = [
    { name: "1 shard", flags: [] },
    { name: `${shards} shards`, flags: ["--shards", String(shards)] },
  ];
  if (replicas > 0)
    ledgers.push({
      name: "with replicas",
      flags: ["--shards", String(shards), "--replicas", String(replicas)],
    });
  const targets: BenchTarget[] = [];
  for (const [index, { name, flags }] of ledgers.entries()) {
    signals.stop.throwIfAborted();
    const target = await environment.start(`ledger-${index + 1}`, cpus, (location) =>
      startStackTarget(name, THIS_CHECKOUT, location, signals.stop, flags),
    );
    targets.push(byPart(target));
    await openAccountsOf(target.url, taggedAccountIds(tags, accounts));
    for (const { what } of LOADS) await warmUp(target, { ...load, what });
  }

  const comparisons: ShardsComparison[] = [];
  for (const each of connections) {
    const title = `${each} connections`;
    const measured = LOADS.flatMap(({ suffix, what }) =>
      targets.map((target): MeasuredTarget => ({
        target: { ...target, name: target.name + suffix },
        load: { ...load, what, connections: each },
      })),
    );
    const compared = await compareTargets(title, measured, rounds);
    const comparison = { ...compared, ratios: ratiosOf(compared, pairsOf(ledgers)) };
    comparisons.push(comparison);
    for (const line of [title, ...describeComparison(comparison), ""]) say(line);
  }
  return { comparisons };
}

/** The servers of one kind under one name, as a single one is called; their copies under another. */
function byPart(target: StackTarget): BenchTarget {
  const processes = (): readonly TargetProcess[] => {
    const roles = new Map(target.description().processes.map(({ pid, role }) => [pid, role]));
    return target.processes().map((process) => {
      const [, part] = /^(redis|nats|postgres|writer)-\d+$/.exec(process.name) ?? [];
      if (part === undefined) return process;
      const role = roles.get(process.pid);
      const isCopy = role === "replica" || role === "standby";
      return { ...process, name: isCopy ? `${part} ${role}` : part };
    });
  };
  return { ...target, processes };
}

/** Each ledger beside the one before it, at the same load; and in each but the first, transfers across beside those inside. */
function pairsOf(ledgers: readonly Ledger[]): TargetPair[] {
  const [, ...others] = ledgers;
  const sameLoad = LOADS.flatMap(({ suffix }) =>
    others.map(({ name }, index): TargetPair => [name + suffix, (ledgers[index]?.name ?? "") + suffix]),
  );
  return [...sameLoad, ...others.map(({ name }): TargetPair => [name + ACROSS, name + INSIDE])];
}
