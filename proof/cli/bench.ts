import { Command, InvalidArgumentError, Option } from "commander";
import { type AccessBenchOptions, benchAccess } from "../bench/access.ts";
import { benchCluster, type ClusterBenchOptions } from "../bench/cluster.ts";
import { benchDrain, type DrainBenchOptions } from "../bench/drain.ts";
import { type BatchesBenchOptions, benchBatches } from "../bench/batches.ts";
import { benchEmbedded, type EmbeddedBenchOptions } from "../bench/embedded.ts";
import { benchEvents, type EventsBenchOptions } from "../bench/events/events.ts";
import { benchWebhooks, type WebhooksBenchOptions } from "../bench/events/webhooks.ts";
import { benchExecutable, type ExecutableBenchOptions } from "../bench/executable.ts";
import { benchLag, type LagBenchOptions } from "../bench/lag.ts";
import { benchLarge, type LargeBenchOptions } from "../bench/large.ts";
import { benchMetrics, type MetricsBenchOptions } from "../bench/metrics/metrics.ts";
import { benchMoves, type MovesBenchOptions } from "../bench/moves.ts";
import { benchHotAccounts, type HotAccountsOptions } from "../bench/shards/hot-accounts.ts";
import { benchShards, type ShardsBenchOptions } from "../bench/shards/shards.ts";
import { type Shape, SHAPES } from "../bench/shapes.ts";
import { describeMachine } from "../bench/machine-noise.ts";
import type { BenchContext } from "../bench/bench-environment.ts";
import { bounds } from "../../src/bounds.ts";
import { stackBounds } from "../../src/stack/stack-bounds.ts";
import { listenForStop } from "../../src/cli/stop-signals.ts";

const JSON_OPTION = [
  "--json",
  "write the result as JSON to the standard output, and all else to the standard error",
] as const;

/** The default is the contest's limit. */
const CPUS_OPTION = [
  "--cpus <number>",
  "what each system may use in all, in CPUs; 0: no limit",
  parseCpus,
  1.5,
] as const;

const AGAINST_OPTION = ["--against <folder>", "another checkout, measured in turn with this one"] as const;

const SHAPES_OPTION = ["--shapes <list>", "embedded, cluster, or both"] as const;

interface OutputOptions {
  readonly json?: boolean;
}

export function benchCommand(): Command {
  return new Command("bench")
    .description("measure speed and memory, each beside something to compare with")
    .addCommand(embedded())
    .addCommand(cluster())
    .addCommand(shards())
    .addCommand(hotAccounts())
    .addCommand(moves())
    .addCommand(batches())
    .addCommand(access())
    .addCommand(metrics())
    .addCommand(large())
    .addCommand(lag())
    .addCommand(events())
    .addCommand(webhooks())
    .addCommand(drain())
    .addCommand(executable());
}

function embedded(): Command {
  return measuring("embedded", 5, 4)
    .description("the embedded ledger beside a bare Bun.serve that answers a constant")
    .option("--connections <list>", "connections to measure with", parseList, [1, 8, 32, 64])
    .option(...AGAINST_OPTION)
    .option(...JSON_OPTION)
    .action((options: EmbeddedBenchOptions & OutputOptions) =>
      run(options, (context) => benchEmbedded(options, context)),
    );
}

function cluster(): Command {
  return measuring("cluster", 5, 4)
    .description("the cluster at saturation, beside bare servers behind the same balancer")
    .option("--connections <list>", "connections to measure with", parseList, [1, 8, 32, 128])
    .option("--cpus <list>", "what each system may use in all, in CPUs; 0: no limit", parseCpuList, [0, 1.5])
    .option("--what <list>", "transactions, statements, or both", parseWhat, ["transactions", "statements"])
    .option(...AGAINST_OPTION)
    .option(...JSON_OPTION)
    .action((options: ClusterBenchOptions & OutputOptions) =>
      run(options, (context) => benchCluster(options, context)),
    );
}

function shards(): Command {
  return measuring("shards", 5, 4)
    .description("a cluster whose accounts are split into shards, beside one with a single shard")
    .option("--shards <number>", "into how many", parseShards, 3)
    .option("--replicas <number>", "beside both, the same shards with so many replicas", parseReplicas, 0)
    .option("--connections <list>", "connections to measure with", parseList, [32, 128])
    .option("--cpus <number>", CPUS_OPTION[1], parseCpus, 0)
    .option(...JSON_OPTION)
    .action((options: ShardsBenchOptions & OutputOptions) =>
      run(options, (context) => benchShards(options, context)),
    );
}

function hotAccounts(): Command {
  return new Command("hot-accounts")
    .description("computes how far shards help where some accounts are used much more than others")
    .option("--accounts <list>", "how many there are", parseAmounts, [1_000, 1_000_000])
    .option("--exponents <list>", "of Zipf's law: 0 is equal use", parseExponents, [0.8, 1, 1.2])
    .option("--shards <list>", "into how many they are split", parseAmounts, [1, 3, 10, 100, 1_000])
    .option("--carries <number>", "transactions a second that one shard carries", parseAmount, 40_000)
    .option("--placements <number>", "times that the accounts get other shards", parseCount, 9)
    .option("--seed <number>", "the same again with the same one", parseAmount, 1)
    .option(...JSON_OPTION)
    .action((options: HotAccountsOptions & OutputOptions) =>
      run(options, (context) => benchHotAccounts(options, context)),
    );
}

function moves(): Command {
  return measuring("moves", 5, 4)
    .description("a transfer, and a hold with its capture, beside a transaction on the contest's route")
    .option("--connections <list>", "connections to measure with", parseList, [32])
    .option(...SHAPES_OPTION, parseShapes, [...SHAPES])
    .option(...CPUS_OPTION)
    .option(...AGAINST_OPTION)
    .option(...JSON_OPTION)
    .action((options: MovesBenchOptions & OutputOptions) =>
      run(options, (context) => benchMoves(options, context)),
    );
}

function batches(): Command {
  return measuring("batches", 5, 4)
    .description("transfers in batches of 50, beside a bare server that parses the same bodies")
    .option("--connections <list>", "connections to measure with", parseList, [16])
    .option("--accounts <number>", "accounts, used at random", parseAmount, 1000)
    .option(...SHAPES_OPTION, parseShapes, [...SHAPES])
    .option("--cpus <number>", CPUS_OPTION[1], parseCpus, 0)
    .option(...AGAINST_OPTION)
    .option(...JSON_OPTION)
    .action((options: BatchesBenchOptions & OutputOptions) =>
      run(options, (context) => benchBatches(options, context)),
    );
}

function access(): Command {
  return measuring("access", 9, 3)
    .description("transactions on an embedded ledger that asks for an access key, beside one that is open")
    .option("--connections <list>", "connections to measure with", parseList, [32])
    .option("--cpus <number>", CPUS_OPTION[1], parseCpus, 0)
    .option(...JSON_OPTION)
    .action((options: AccessBenchOptions & OutputOptions) =>
      run(options, (context) => benchAccess(options, context)),
    );
}

function metrics(): Command {
  return measuring("metrics", 9, 3)
    .description("transactions on an embedded ledger with metrics that are read, beside one without")
    .option("--connections <list>", "connections to measure with", parseList, [1, 32])
    .option("--cpus <number>", CPUS_OPTION[1], parseCpus, 0)
    .option(...JSON_OPTION)
    .action((options: MetricsBenchOptions & OutputOptions) =>
      run(options, (context) => benchMetrics(options, context)),
    );
}

function large(): Command {
  return measuring("large", 5, 4)
    .description("a cluster with very many accounts and entries beside one with five accounts")
    .option("--connections <list>", "connections to measure with", parseList, [32])
    .option("--accounts <number>", "accounts, used at random", parseAmount, 1_000_000)
    .option("--entries <number>", "entries that are filled in for the second part", parseAmount, 10_000_000)
    .option(...CPUS_OPTION)
    .option(...JSON_OPTION)
    .action((options: LargeBenchOptions & OutputOptions) =>
      run(options, (context) => benchLarge(options, context)),
    );
}

function lag(): Command {
  return measuring("lag", 3, 10)
    .description("from an answer to its row in PostgreSQL, at the contest's load and at saturation")
    .option("--connections <list>", "connections that saturate it", parseList, [32, 128])
    .option(...CPUS_OPTION)
    .option(...JSON_OPTION)
    .action((options: LagBenchOptions & OutputOptions) =>
      run(options, (context) => benchLag(options, context)),
    );
}

function events(): Command {
  return measuring("events", 1, 3)
    .description("from an answer to its event at a reader, and what readers cost, beside no readers")
    .option(...SHAPES_OPTION, parseShapes, [...SHAPES])
    .option("--connections <list>", "connections that saturate it", parseList, [32])
    .option("--readers <list>", "readers at once", parseList, [1, 1_000])
    .addOption(
      new Option("--follow <what>", "what the readers follow, but for the one that is timed")
        .choices(["account", "all"])
        .default("account"),
    )
    .option("--cpus <number>", CPUS_OPTION[1], parseCpus, 0)
    .option(...JSON_OPTION)
    .action((options: EventsBenchOptions & OutputOptions) =>
      run(options, (context) => benchEvents(options, context)),
    );
}

function webhooks(): Command {
  return new Command("webhooks")
    .description("webhooks a second and the CPU of a delivery, beside posting the same bodies with fetch")
    .option("--rounds <number>", "backlogs that are made and sent, one by one", parseCount, 5)
    .option("--events <number>", "size of a backlog, which each webhook is sent", parseAmount, 10_000)
    .option(
      "--accounts <number>",
      "accounts of these events, each in an order of its own",
      parseAmount,
      1_000,
    )
    .option("--webhooks <list>", "webhooks at once, up to 100", parseList, [1, 8])
    .option(...SHAPES_OPTION, parseShapes, [...SHAPES])
    .option("--cpus <number>", CPUS_OPTION[1], parseCpus, 0)
    .option(...JSON_OPTION)
    .action((options: WebhooksBenchOptions & OutputOptions) =>
      run(options, (context) => benchWebhooks(options, context)),
    );
}

function drain(): Command {
  return new Command("drain")
    .description("how fast a backlog is brought into PostgreSQL, beside what bare servers answer")
    .option("--rounds <number>", "backlogs that are made and brought in, one by one", parseCount, 3)
    .option("--entries <number>", "size of the backlog", parseAmount, 1_000_000)
    .option("--connections <number>", "connections that make it", parseCount, 128)
    .option(...CPUS_OPTION)
    .option(...JSON_OPTION)
    .action((options: DrainBenchOptions & OutputOptions) =>
      run(options, (context) => benchDrain(options, context)),
    );
}

function executable(): Command {
  return measuring("executable", 5, 1)
    .description("size, start-up and memory of the single-file executable beside its source")
    .option("--connections <number>", "connections that load it", parseCount, 32)
    .option(...JSON_OPTION)
    .action((options: ExecutableBenchOptions & OutputOptions) =>
      run(options, (context) => benchExecutable(options, context)),
    );
}

function measuring(name: string, rounds: number, seconds: number): Command {
  return new Command(name)
    .option("--rounds <number>", "measurements of each system, in turn, for each figure", parseCount, rounds)
    .option("--seconds <number>", "length of one measurement", parseCount, seconds);
}

/** Runs a benchmark so that Ctrl-C stops what it has started and removes its data. */
async function run(
  options: OutputOptions,
  bench: (context: BenchContext) => Promise<unknown>,
): Promise<void> {
  const { json, ...benchOptions } = options;
  const signals = listenForStop((signal) =>
    console.error(`\n${signal}: stopping (again to end at once) ...`),
  );
  const say = (line: string): void => (json ? console.error(line) : console.log(line));
  try {
    const result = await bench({ say, signals });
    if (json)
      console.log(JSON.stringify({ machine: describeMachine(), options: benchOptions, result }, null, 2));
  } catch (error) {
    if (signals.stop.aborted) process.exit(130);
    throw error;
  }
  process.exit(0);
}

function parseCount(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new InvalidArgumentError("It must be an integer from 1 to 9999.");
  return Number(text);
}

function parseShards(text: string): number {
  const count = parseCount(text);
  if (count >= 2 && count <= bounds.shards_max) return count;
  throw new InvalidArgumentError(`It must be an integer from 2 to ${bounds.shards_max}.`);
}

function parseReplicas(text: string): number {
  const count = Number(text);
  if (/^\d$/.test(text) && count <= stackBounds.replicas_max) return count;
  throw new InvalidArgumentError(`It must be an integer from 0 to ${stackBounds.replicas_max}.`);
}

function parseAmount(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError("It must be an integer from 1 on.");
  return Number(text);
}

function parseList(text: string): number[] {
  return text.split(",").map(parseCount);
}

function parseAmounts(text: string): number[] {
  return text.split(",").map(parseAmount);
}

function parseExponents(text: string): number[] {
  return text.split(",").map((each) => {
    if (!/^\d(\.\d{1,3})?$/.test(each)) throw new InvalidArgumentError("It must be numbers such as 0.8,1.");
    return Number(each);
  });
}

function parseCpus(text: string): number {
  const cpus = Number(text);
  if (!/^\d{1,3}(\.\d{1,2})?$/.test(text) || (cpus > 0 && cpus < 0.1)) {
    throw new InvalidArgumentError("It must be a number of CPUs from 0.1 on, such as 1.5, or 0.");
  }
  return cpus;
}

function parseCpuList(text: string): number[] {
  return text.split(",").map(parseCpus);
}

function parseShapes(text: string): Shape[] {
  return text.split(",").map((name) => {
    const shape = SHAPES.find((each) => each === name);
    if (shape !== undefined) return shape;
    throw new InvalidArgumentError("It must be embedded, cluster, or both with a comma between them.");
  });
}

function parseWhat(text: string): string[] {
  const what = text.split(",");
  if (what.every((each) => each === "transactions" || each === "statements")) return what;
  throw new InvalidArgumentError("It must be transactions, statements, or both with a comma between them.");
}
