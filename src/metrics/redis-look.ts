import { z } from "zod";
import { connectRedis, headKey, readOutbox, type Redis } from "../decide/redis-client.ts";
import type { Micros } from "../ledger/account.ts";
import { parseEventOrNull } from "../ledger/event.ts";

/** What one shard in Redis has, at one look. */
export interface ShardState {
  readonly shard: number;
  readonly epoch: string;
  readonly g: number;
  /** Batches that are not kept yet, or were just now. */
  readonly outbox: number;
  /** When the oldest of them was decided; `null` if there is none. */
  readonly oldest: Micros | null;
  /** Whether a batch is known to be gone that was answered. */
  readonly isLost: boolean;
  readonly holdsOpen: number;
  /** Of those whose time is over, and which are open all the same: up to 1,000. */
  readonly holdsOverdue: number;
}

/** The answer of `razonete_status`: see src/decide/function/head.lua. */
const statusReply = z.tuple(
  [z.string(), z.string(), z.coerce.number(), z.coerce.number(), z.coerce.number(), z.string(), z.string()],
  z.unknown(),
);

const OVERDUE_MAX = 1_000;
/** The writer ends those that are due once a second. What is late by less than this is not overdue. */
const OVERDUE_MICROS = 5_000_000;

/** Looks at Redis over a connection of its own, so that no call of the ledger waits behind it. */
export class RedisLook {
  readonly #url: string;
  #redis: Redis | null = null;

  constructor(url: string) {
    this.#url = url;
  }

  /** Rejects if Redis does not answer, or has no ledger. */
  async shards(): Promise<readonly ShardState[]> {
    if (this.#redis === null) {
      this.#redis = connectRedis(this.#url, () => {});
      await this.#redis.connect();
    }
    const first = await this.#shard(this.#redis, 0);
    const others = Array.from({ length: first.count - 1 }, (_, index) => index + 1);
    const states = await Promise.all(others.map((shard) => this.#shard(this.#redis, shard)));
    return [first, ...states].map(({ state }) => state);
  }

  close(): void {
    this.#redis?.destroy();
    this.#redis = null;
  }

  async #shard(redis: Redis | null, shard: number): Promise<{ state: ShardState; count: number }> {
    if (redis === null) throw new Error("it is closed");
    const due = String(Date.now() * 1000 - OVERDUE_MICROS);
    const expiries = `razonete:{${shard}}:expiries`;
    const [status, [oldest], open, overdue] = await Promise.all([
      redis.sendCommand(["FCALL_RO", "razonete_status", "1", headKey(shard)]),
      readOutbox(redis, shard, 0, 1),
      redis.sendCommand(["ZCARD", expiries]),
      redis.sendCommand(["ZRANGE", expiries, "-inf", due, "BYSCORE", "LIMIT", "0", String(OVERDUE_MAX)]),
    ]);
    const [epoch, , count, g, outbox, , lost] = statusReply.parse(status);
    const state = {
      shard,
      epoch,
      g,
      outbox,
      oldest: timeOf(oldest?.events[0]),
      isLost: lost !== "",
      holdsOpen: Number(open),
      holdsOverdue: z.array(z.unknown()).parse(overdue).length,
    };
    return { state, count };
  }
}

function timeOf(text: string | undefined): Micros | null {
  const event = text === undefined ? null : parseEventOrNull(text);
  if (event === null) return null;
  return event.type === "entry" ? event.entry.time : event.time;
}
