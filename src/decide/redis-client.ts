import { createClient } from "@redis/client";
import { z } from "zod";
import { bounds } from "../bounds.ts";
import { serverTrust } from "../tls/server-trust.ts";

/** What all processes of the ledger share when they use Redis: the client, the keys, and the form of the outbox. */

export type Redis = ReturnType<typeof connectRedis>;

/**
 * Creates a client that is not connected yet. Once connected, it reconnects by itself for ever. A command is either sent
 * at once or rejected at once. A command whose answer was lost is not sent again: only its caller knows whether that is
 * safe.
 *
 * @param onError called with each failure to connect and each loss of the connection
 */
export function connectRedis(url: string, onError: (error: Error) => void) {
  const trust = serverTrust(url);
  const client = createClient({
    url,
    RESP: 2,
    disableOfflineQueue: true,
    pingInterval: bounds.redis_ping_milliseconds,
    socket: {
      ...(trust === null ? {} : { ...trust, tls: true }),
      connectTimeout: bounds.redis_connect_milliseconds_max,
      socketTimeout: bounds.redis_silence_milliseconds_max,
      reconnectStrategy: (attempts) => Math.min(20 * 2 ** attempts, bounds.redis_reconnect_milliseconds_max),
    },
  });
  // Without a listener, an error would end the process.
  client.on("error", onError);
  return client;
}

export function headKey(shard: number): string {
  return `razonete:{${shard}}:head`;
}

export function outboxKey(shard: number): string {
  return `razonete:{${shard}}:outbox`;
}

export interface OutboxEntry {
  readonly g: number;
  readonly events: readonly string[];
}

const outboxReply = z.array(z.tuple([z.string(), z.array(z.string())]));

/** Up to `count` batches of the outbox, beginning at `g`, in order. Rejects if Redis does not answer. */
export async function readOutbox(
  redis: Pick<Redis, "sendCommand">,
  shard: number,
  g: number,
  count: number,
): Promise<OutboxEntry[]> {
  const reply: unknown = await redis.sendCommand([
    "XRANGE",
    outboxKey(shard),
    `${g}-0`,
    "+",
    "COUNT",
    String(count),
  ]);
  return outboxReply.parse(reply).map(([id, fields]) => ({
    g: Number(id.split("-", 1)[0]),
    // Pairs of a field name, which is always the same, and an event.
    events: fields.filter((_, index) => index % 2 === 1),
  }));
}

/**
 * Sets for how long clients' keys are remembered that are decided from now on. Redis has it, and not each API's own
 * environment: so all APIs decide by the same one, and none of them has to be started again.
 */
export async function setKeyHours(
  redis: Pick<Redis, "sendCommand">,
  shard: number,
  hours: number,
): Promise<void> {
  await redis.sendCommand(["HSET", headKey(shard), "key_seconds", String(hours * 3600)]);
}

export interface LostBatch {
  readonly shard: number;
  readonly epoch: string;
  readonly g: number;
  /**
   * The books' cursor, if the books are known not to have the batch. `other`: another batch was found under its number.
   * null: Redis is to decide by the batch's number alone.
   */
  readonly keptG: number | "other" | null;
}

/**
 * Tells Redis that a batch was answered and is lost. If Redis does not have the batch, it answers nobody from then on,
 * not even an API that never knew of the batch.
 */
export async function markLost(
  redis: Pick<Redis, "sendCommand">,
  { shard, epoch, g, keptG }: LostBatch,
): Promise<void> {
  const args = [epoch, String(g), keptG === null ? "" : String(keptG)];
  await redis.sendCommand(["FCALL", "razonete_lost", "1", headKey(shard), ...args]);
}
