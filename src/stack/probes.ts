import { createClient } from "@redis/client";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import postgres from "postgres";
import { natsOptions } from "../carry/nats-address.ts";
import { messageOf } from "../errors.ts";
import { isRedisCluster } from "../redis-address.ts";
import { lengthOfOutboxes } from "./nodes/outboxes.ts";

/** Checks once whether a process is ready. Resolves to `null` if it is, or else to the reason why not. */
export type Probe = () => Promise<string | null>;

const PROBE_MILLISECONDS = 2_000;
/** The reason of one that takes connections, and is silent, as a frozen one. */
export const NO_ANSWER_YET = "it does not answer yet";
const NOT_READY = "urn:razonete:problem:not-ready";

/** For a process that has no address to ask: it is ready as long as it runs. */
export const alwaysReady: Probe = () => Promise.resolve(null);

export function postgresProbe(url: string): Probe {
  return reasonOf(async () => {
    const sql = postgres(url, { max: 1, connect_timeout: PROBE_MILLISECONDS / 1000, onnotice: () => {} });
    try {
      await sql`SELECT 1`;
    } finally {
      await sql.end({ timeout: 0 });
    }
  });
}

export function redisProbe(url: string): Probe {
  return reasonOf(() => withRedis(url, (client) => client.ping()));
}

export function natsProbe(url: string): Probe {
  return reasonOf(async () => {
    const connection = await connect({ ...natsOptions(url), reconnect: false, timeout: PROBE_MILLISECONDS });
    try {
      await (await jetstreamManager(connection)).getAccountInfo();
    } finally {
      await connection.close();
    }
  });
}

/**
 * @param socket the unix socket, if the server listens on one; then only the path of `url` counts
 * @param token of an access key, where the path needs one
 */
export function httpProbe(url: string, socket?: string, token?: string): Probe {
  return reasonOf(async () => {
    const signal = AbortSignal.timeout(PROBE_MILLISECONDS);
    // Its certificate may be for other names than this address. It is a process of this stack, and gets no secret.
    const tls = { rejectUnauthorized: false };
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const where = socket === undefined ? { tls } : { unix: socket };
    const response = await fetch(url, { signal, headers, ...where });
    const body = await response.text();
    if (!response.ok) throw new NotReady(detailOf(body) ?? `it answers ${response.status}`);
  });
}

/**
 * How many batches in the outboxes of all shards still have to be kept.
 *
 * @throws Error if Redis does not answer
 */
export function outboxLength(redisUrl: string): Promise<number> {
  if (isRedisCluster(redisUrl)) return lengthOfOutboxes(redisUrl);
  return withRedis(redisUrl, async (client) => {
    const shards = Number((await client.hGet("razonete:{0}:head", "shards")) ?? 0);
    const outboxes = Array.from({ length: shards }, (_, shard) => `razonete:{${shard}}:outbox`);
    const lengths = await Promise.all(outboxes.map((outbox) => client.xLen(outbox)));
    return lengths.reduce((sum, length) => sum + length, 0);
  });
}

/** Connects to Redis for one use; rejects if Redis does not answer. */
export async function withRedis<Result>(
  url: string,
  use: (client: ReturnType<typeof redisClient>) => Promise<Result>,
): Promise<Result> {
  const client = redisClient(url);
  // Without a listener, an error would end this process. Errors are also thrown by the calls that meet them.
  client.on("error", () => {});
  try {
    await client.connect();
    return await use(client);
  } finally {
    client.destroy();
  }
}

function redisClient(url: string) {
  const socket = {
    reconnectStrategy: false,
    connectTimeout: PROBE_MILLISECONDS,
    // One that is frozen takes connections still.
    socketTimeout: PROBE_MILLISECONDS,
  } as const;
  return createClient({ url, socket, disableOfflineQueue: true });
}

/** In the words of the process itself. */
class NotReady extends Error {}

function reasonOf(attempt: () => Promise<unknown>): Probe {
  return async () => {
    try {
      await attempt();
      return null;
    } catch (error) {
      return error instanceof NotReady ? error.message : told(messageOf(error));
    }
  };
}

/** What every start goes through is not told as if it were a fault. */
function told(reason: string): string {
  if (/ECONNREFUSED|connection refused|Unable to connect/i.test(reason)) return "it takes no connections yet";
  if (/time[d_ -]*out/i.test(reason)) return NO_ANSWER_YET;
  return reason;
}

/**
 * Why a process is not ready, as it tells itself; null for any other answer. The detail of any other problem is meant
 * for a client, and tells it what to do.
 */
export function detailOf(body: string): string | null {
  try {
    const problem: unknown = JSON.parse(body);
    if (typeof problem !== "object" || problem === null || !("detail" in problem)) return null;
    if (!("type" in problem) || problem.type !== NOT_READY) return null;
    const { detail } = problem;
    return typeof detail === "string" ? detail.replace(/^Send requests to another instance: /, "") : null;
  } catch {
    return null;
  }
}
