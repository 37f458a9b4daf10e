import { createClient } from "@redis/client";
import { z } from "zod";
import { bounds } from "../bounds.ts";

/** How every process of the ledger speaks to Redis: the client, the keys, and the form of the outbox. */

export type Redis = ReturnType<typeof connectRedis>;

/**
 * A client that is not connected yet. Once it is, it reconnects for ever by itself; a command is either sent now or
 * rejected now, and one whose answer was lost is not sent again: who sent it knows better whether that is safe.
 *
 * @param onError each failure to connect, each loss of the connection
 */
export function connectRedis(url: string, onError: (error: Error) => void) {
  const client = createClient({
    url,
    RESP: 2,
    disableOfflineQueue: true,
    pingInterval: bounds.redis_ping_milliseconds,
    socket: {
      connectTimeout: bounds.redis_connect_milliseconds_max,
      socketTimeout: bounds.redis_silence_milliseconds_max,
      reconnectStrategy: (attempts) => Math.min(20 * 2 ** attempts, bounds.redis_reconnect_milliseconds_max),
    },
  });
  // Without a listener an error would end the process.
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

/** Up to `count` batches of the outbox from `g` on, in their order. Rejects where Redis does not answer. */
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
    // Pairs of a name, always the same, and an event.
    events: fields.filter((_, index) => index % 2 === 1),
  }));
}

export interface LostBatch {
  readonly shard: number;
  readonly epoch: string;
  readonly g: number;
  /**
   * The books' cursor, where it is known that they do not have the batch; `other`: it was seen that another batch
   * stands under its number; null: Redis may judge by the number alone.
   */
  readonly keptG: number | "other" | null;
}

/**
 * Tells Redis that a batch was answered and is gone. If it does not have it, it answers nobody from then on: not an
 * API either that never knew of the batch.
 */
export async function markLost(
  redis: Pick<Redis, "sendCommand">,
  { shard, epoch, g, keptG }: LostBatch,
): Promise<void> {
  const args = [epoch, String(g), keptG === null ? "" : String(keptG)];
  await redis.sendCommand(["FCALL", "razonete_lost", "1", headKey(shard), ...args]);
}
