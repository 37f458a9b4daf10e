import { createClient } from "@redis/client";
import { limits } from "../limits.ts";

export type Redis = ReturnType<typeof connectRedis>;

/**
 * A client that is not connected yet. Once it is, it reconnects for ever by itself; a command is either sent now or
 * rejected now, and one whose answer was lost is not sent again.
 *
 * @param onError each failure to connect, each loss of the connection
 */
export function connectRedis(url: string, onError: (error: Error) => void) {
  const client = createClient({
    url,
    RESP: 2,
    disableOfflineQueue: true,
    pingInterval: limits.outbox_ping_milliseconds,
    socket: {
      connectTimeout: limits.outbox_answer_milliseconds_max,
      socketTimeout: limits.outbox_answer_milliseconds_max,
      reconnectStrategy: (attempts) => Math.min(20 * 2 ** attempts, limits.outbox_reconnect_milliseconds_max),
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
