import { Command } from "commander";
import { ENVIRONMENT } from "../config.ts";
import { headKey } from "../decide/redis-client.ts";
import { readRedisNodesConfig, readShards } from "../config/redis-nodes-config.ts";
import { StartError } from "../errors.ts";
import { repairAof } from "../stack/aof-repair.ts";
import { askNode } from "../stack/nodes/ask-node.ts";
import { joinNodes, type JoinOptions } from "../stack/nodes/join.ts";
import { untilMayStart } from "../stack/nodes/may-start.ts";
import { readOwnLog } from "../stack/nodes/own-log.ts";
import { VOTERS_MIN } from "../stack/nodes/redis-form.ts";
import { locate } from "../stack/server-programs.ts";
import { TLS_VARIABLES } from "./ledger-options.ts";

const JOIN_MILLISECONDS_MAX = 60_000;
const LOOK_MILLISECONDS = 5_000;
const STDERR = 2;

const SETTINGS = [
  "",
  "Settings, from the environment:",
  "  REDIS_URL          all nodes, as the operator: redis-cluster://default:password@a:6379,b:6379,c:6379,a:6380,...",
  ...TLS_VARIABLES,
].join("\n");

export function redisJoinCommand(): Command {
  return new Command("redis-join")
    .description("make one Redis Cluster of its nodes, or give one its place again that lost its folder")
    .option(
      "--shards <number>",
      "into how many parts the accounts are split, as for init (default: SHARDS, or 1)",
    )
    .requiredOption("--replicas <number>", "copies of each primary")
    .option("--watch", "go on, and do so again whenever something is missing", false)
    .addHelpText(
      "after",
      `
In a new cluster the first nodes of REDIS_URL become the primaries, of which the shards' slots are given to each in turn;
the others become their replicas, on other hosts than their primaries where there are such. Run again it does only what is
missing. Where one host has got more primaries than another, as after the loss of a machine, a replica on the other one takes
over: with the next loss too few might be left to agree. It says what it cannot settle. Then "razonete init" makes the ledger.
${SETTINGS}`,
    )
    .action(join);
}

interface JoinFlags {
  readonly shards?: string;
  readonly replicas: string;
  readonly watch: boolean;
}

async function join(flags: JoinFlags): Promise<void> {
  const { urls } = readRedisNodesConfig(ENVIRONMENT);
  const wanted = readShards(flags.shards, ENVIRONMENT);
  const replicas = /^\d$/.test(flags.replicas) ? Number(flags.replicas) : NaN;
  const primaries = urls.length / (1 + replicas);
  if (!Number.isInteger(primaries))
    throw new StartError(
      `--replicas ${flags.replicas} does not fit: each primary has as many, and REDIS_URL names ${urls.length} nodes in all.`,
    );
  if (replicas > 0 && primaries < VOTERS_MIN)
    throw new StartError(
      `${urls.length} nodes with --replicas ${replicas} have ${primaries} primaries, and it takes ${VOTERS_MIN} to replace ` +
        "one: name more nodes in REDIS_URL.",
    );
  const places = urls.map((url) => ({ url, machine: new URL(url).hostname }));
  const options: JoinOptions = { places, shards: wanted ?? 1, replicas, spreads: true };
  const whole = `The cluster is whole: ${primaries} primaries with ${replicas} ${replicas === 1 ? "replica" : "replicas"} each.`;
  if (flags.watch) return watch(options, wanted, whole);
  const missing = await joinNodes(options, JOIN_MILLISECONDS_MAX);
  if (missing !== null) throw new StartError(`the cluster is not whole: ${missing}`);
  await requireSameShards(options, wanted);
  console.log(whole);
}

/** Says what it finds once, and again when that has changed. */
async function watch(options: JoinOptions, wanted: number | null, whole: string): Promise<never> {
  let told = "";
  for (;;) {
    let found: string;
    try {
      const missing = await joinNodes(options, LOOK_MILLISECONDS);
      if (missing === null) await requireSameShards(options, wanted);
      found = missing === null ? whole : `The cluster is not whole: ${missing}`;
    } catch (error) {
      if (!(error instanceof StartError)) throw error;
      found = `The nodes of Redis need you: ${error.message}`;
    }
    if (found !== told) console.log(found);
    told = found;
    await Bun.sleep(LOOK_MILLISECONDS);
  }
}

/**
 * The number of a ledger's shards never changes, so who names another one takes it for another ledger.
 *
 * @param wanted null: whatever it has
 * @throws StartError if a ledger is there, and has others
 */
async function requireSameShards({ places }: JoinOptions, wanted: number | null): Promise<void> {
  if (wanted === null) return;
  const told = await Promise.all(
    places.map(({ url }) => askNode(url, ["HGET", headKey(0), "shards"]).catch(() => [])),
  );
  // Only the primary of shard 0 tells; there is nothing before `razonete init`.
  const shards = told.flat().find((answer) => typeof answer === "string");
  if (shards !== undefined && Number(shards) !== wanted)
    throw new StartError(
      `the nodes are one cluster, and the ledger in it has ${shards} shards, not ${wanted}, which cannot be changed: give --shards ${shards}.`,
    );
}

interface GuardFlags {
  readonly node: string;
  readonly folder: string;
  readonly redisServer?: string;
}

export function redisGuardCommand(): Command {
  return new Command("redis-guard")
    .description("before the start of a node of a Redis Cluster: wait until it may start without harm")
    .requiredOption("--node <host:port>", "which of the nodes in REDIS_URL it is")
    .requiredOption("--folder <folder>", "its data, with nodes.conf in it")
    .option("--redis-server <file>", "with redis-check-aof beside it (default: from PATH)")
    .addHelpText(
      "after",
      `
Redis starts a node that had slots as their primary, whatever is left of its log, and then its replicas are as empty as it
is. This ends with code 0 once a replica has taken over, or the log was found to have all that a replica has: then start
Redis. Otherwise it ends with code 1, says what is to be done, and Redis must not be started. It also cuts an incomplete
end off the log, which Redis 7.0 would not do right.
${SETTINGS}`,
    )
    .action(guard);
}

async function guard({ node, folder, redisServer }: GuardFlags): Promise<void> {
  const { urls } = readRedisNodesConfig(ENVIRONMENT);
  const url = urls.find((each) => new URL(each).host === node);
  if (url === undefined)
    throw new StartError(
      `--node ${node} is none of the nodes in REDIS_URL: give it as it is there, ${urls.map((each) => new URL(each).host).join(", ")}.`,
    );
  const program = redisServer ?? locate("redis", ENVIRONMENT["PATH"] ?? "");
  if (program === null)
    throw new StartError("redis-server is not found: install it, or give its path with --redis-server.");
  const stop = new AbortController();
  const peers = urls.filter((each) => each !== url);
  await untilMayStart(
    {
      folder,
      url,
      peers,
      readLog: (shards, stopped) => {
        repairAof(program, folder, STDERR);
        return readOwnLog(program, folder, shards, stopped);
      },
    },
    stop.signal,
  );
  repairAof(program, folder, STDERR);
}
