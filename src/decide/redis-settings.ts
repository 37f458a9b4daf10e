import { ErrorReply } from "@redis/client";
import { z } from "zod";
import { bounds } from "../bounds.ts";
import type { Redis } from "./redis-client.ts";
import { faultOfSettings } from "./server-settings.ts";

/** What Redis says of itself. */
export interface RedisState {
  /** Redis's own id of its process, which changes with each restart. */
  readonly runId: string;
  /** It follows another Redis: it refuses every write, and what it holds may be older or another's at any moment. */
  readonly isReplica: boolean;
  /** Why it must not be used as it is set, for a person; null if it may. */
  readonly fault: string | null;
}

type Client = Pick<Redis, "sendCommand">;

export const REPLICA_FAULT =
  "Redis is a replica: set REDIS_URL to the primary, or make this one the primary, and run razonete restore if it " +
  "lacks data";

const FSYNC_SETTINGS = {
  appendonly: "yes",
  appendfsync: "always",
  // "yes" suspends fsync while the log is being rewritten.
  "no-appendfsync-on-rewrite": "no",
} as const;

/**
 * Before a node was silent for so long the others elect nobody in its place. Who uses it relies on that
 * (nodes/doubt.ts).
 */
const NODE_TIMEOUT = "cluster-node-timeout";

/**
 * The settings of the log, and the one of the cluster, by name; null if this user may not ask for them, as with many a
 * managed Redis.
 */
type AskedSettings = Readonly<Record<string, string>> | null;

/**
 * Asks Redis for its role and for the settings that the ledger's promise stands on. docs/operations.md lists them.
 *
 * @param durable false accepts a Redis that answers before it has synced to disk
 */
export async function readRedisState(client: Client, durable: boolean): Promise<RedisState> {
  const { told, config } = await ask(client, durable);
  const runId = infoField(told, "run_id") ?? "";
  if (isReplicaBy(told)) return { runId, isReplica: true, fault: REPLICA_FAULT };
  return { runId, isReplica: false, fault: faultOf("Redis", told, config, durable) };
}

/** What a replica says of itself. */
export interface CopyState {
  /** As of {@link RedisState}. */
  readonly fault: string | null;
  /**
   * What it has is in its memory only: it was just filled anew by its primary, and its log is not written yet. A log that is
   * merely made smaller looks the same.
   */
  readonly isUnsaved: boolean;
}

/** @param name what a person knows it by */
export async function readCopyState(client: Client, name: string, durable: boolean): Promise<CopyState> {
  const { told, config } = await ask(client, durable, "persistence");
  return { fault: faultOf(name, told, config, durable), isUnsaved: durable && isUnsavedBy(told) };
}

/** @param info what INFO tells of replication and persistence */
export function isUnsavedBy(info: string): boolean {
  // While it is being filled it confirms nothing.
  if (infoField(info, "master_sync_in_progress") !== "0") return false;
  return (
    infoField(info, "aof_rewrite_in_progress") !== "0" || infoField(info, "aof_rewrite_scheduled") !== "0"
  );
}

/**
 * In one round trip. Only CONFIG tells the settings of the log, and INFO also answers where CONFIG is forbidden, which only
 * who is durable minds.
 */
async function ask(
  client: Client,
  durable: boolean,
  ...sections: readonly string[]
): Promise<{ readonly told: string; readonly config: AskedSettings }> {
  const [info, config] = await Promise.all([
    client.sendCommand(["INFO", "server", "memory", "replication", ...sections]),
    readConfig(client),
  ]);
  return { told: z.string().parse(info), config: durable ? config : (config ?? {}) };
}

/** What is wrong with its settings, for a person; null if nothing is. */
function faultOf(server: string, told: string, config: AskedSettings, durable: boolean): string | null {
  if (config === null) {
    return (
      `${server} does not tell whether it fsyncs before it answers: allow CONFIG GET to this user, or set ` +
      "DURABILITY=relaxed"
    );
  }
  const policy = {
    name: "maxmemory-policy",
    value: infoField(told, "maxmemory_policy"),
    // With any other policy a Redis whose memory is full deletes accounts, or ids that it has to remember.
    wanted: "noeviction",
    relaxable: false,
  };
  const fsync = Object.entries(FSYNC_SETTINGS).map(([setting, wanted]) => {
    return { name: setting, value: config[setting], wanted, relaxable: true };
  });
  const timeout = config[NODE_TIMEOUT];
  const election = {
    name: NODE_TIMEOUT,
    value: timeout,
    wanted: `${bounds.node_timeout_milliseconds_min} or more`,
    isMet: timeout === undefined || Number(timeout) >= bounds.node_timeout_milliseconds_min,
    relaxable: false,
  };
  return faultOfSettings(`${server} may lose what it has answered`, [policy, ...fsync, election], durable);
}

/** Whether Redis follows another one. */
export async function isReplica(client: Client): Promise<boolean> {
  return isReplicaBy(z.string().parse(await client.sendCommand(["INFO", "replication"])));
}

/** Whether Redis is a node of a Redis Cluster. */
export async function isClusterNode(client: Client): Promise<boolean> {
  return infoField(await client.sendCommand(["INFO", "cluster"]), "cluster_enabled") === "1";
}

function isReplicaBy(info: string): boolean {
  return infoField(info, "role") !== "master";
}

async function readConfig(client: Client): Promise<AskedSettings> {
  try {
    const reply: unknown = await client.sendCommand([
      "CONFIG",
      "GET",
      ...Object.keys(FSYNC_SETTINGS),
      NODE_TIMEOUT,
    ]);
    const texts = z.array(z.string()).parse(reply);
    return Object.fromEntries(
      texts.flatMap((name, index) => (index % 2 === 0 ? [[name, texts[index + 1] ?? ""]] : [])),
    );
  } catch (error) {
    if (error instanceof ErrorReply && /^(NOPERM|ERR) /.test(error.message)) return null;
    throw error;
  }
}

/** One line of INFO. */
export function infoField(info: unknown, name: string): string | undefined {
  return new RegExp(`^${name}:(.*?)\r?$`, "m").exec(String(info))?.[1];
}
