import { z } from "zod";
import { reachNode } from "../decide/nodes/reach-node.ts";
import { openRedisNodes } from "../decide/nodes/open-nodes.ts";
import type { RedisNodes } from "../decide/nodes/redis-nodes.ts";
import { headKey, readOutbox } from "../decide/redis-client.ts";
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
  /** Parts of transactions across shards that are neither done nor undone yet. */
  readonly partsOpen: number;
  /** When the oldest of them was prepared; `null` if there is none. */
  readonly oldestPart: Micros | null;
}

/** A shard, and how many shards there are. */
interface Looked {
  readonly state: ShardState;
  readonly count: number;
}

/** The answer of `razonete_status`: see src/decide/function/head.lua. */
const statusReply = z.tuple(
  [z.string(), z.string(), z.coerce.number(), z.coerce.number(), z.coerce.number(), z.string(), z.string()],
  z.unknown(),
);

/** Who looks waits for a second in all, also where one shard of several does not answer. */
const SHARD_MILLISECONDS = 700;

/** A member with its score, or nothing. */
const oldestScore = z.union([z.tuple([z.string(), z.coerce.number()]), z.tuple([])]);

const OVERDUE_MAX = 1_000;
/** The writer ends those that are due once a second. What is late by less than this is not overdue. */
const OVERDUE_MICROS = 5_000_000;

/** Looks at Redis over connections of its own, so that no call of the ledger waits behind it. */
export class RedisLook {
  readonly #url: string;
  #nodes: RedisNodes | null = null;
  /** How many shards there are; 1 as long as it is not known. */
  #count = 1;

  constructor(url: string) {
    this.#url = url;
  }

  /** Rejects if Redis does not answer, or has no ledger. In a cluster, a shard that does not answer is left out. */
  async shards(): Promise<readonly ShardState[]> {
    const nodes = this.#nodes ?? openRedisNodes(this.#url);
    this.#nodes = nodes;
    const first = await this.#some(nodes, 0, this.#count);
    const [known] = first;
    if (known === undefined || known.count === this.#count) return first.map(({ state }) => state);
    const others = await this.#some(nodes, this.#count, known.count);
    this.#count = known.count;
    return [...first, ...others].map(({ state }) => state);
  }

  close(): void {
    this.#nodes?.close();
    this.#nodes = null;
  }

  /** Rejects if none of them answers. */
  async #some(nodes: RedisNodes, from: number, to: number): Promise<readonly Looked[]> {
    const shards = Array.from({ length: to - from }, (_, index) => from + index);
    const looks = shards.map((shard) => this.#shard(nodes, shard));
    if (!nodes.isCluster) return Promise.all(looks);
    const found = await Promise.all(
      looks.map((look) => Promise.race([look.catch(() => null), Bun.sleep(SHARD_MILLISECONDS)])),
    );
    const answered = found.filter((one) => one instanceof Object);
    if (answered.length === 0) throw new Error("no shard answers");
    return answered;
  }

  async #shard(nodes: RedisNodes, shard: number): Promise<Looked> {
    const redis = nodes.shard(shard);
    await reachNode(redis, SHARD_MILLISECONDS);
    const due = String(Date.now() * 1000 - OVERDUE_MICROS);
    const expiries = `razonete:{${shard}}:expiries`;
    const parts = `razonete:{${shard}}:parts`;
    const [status, [oldest], open, overdue, partsOpen, oldestPart] = await Promise.all([
      redis.sendCommand(["FCALL_RO", "razonete_status", "1", headKey(shard)]),
      readOutbox(redis, shard, 0, 1),
      redis.sendCommand(["ZCARD", expiries]),
      redis.sendCommand(["ZRANGE", expiries, "-inf", due, "BYSCORE", "LIMIT", "0", String(OVERDUE_MAX)]),
      redis.sendCommand(["ZCARD", parts]),
      redis.sendCommand(["ZRANGE", parts, "0", "0", "WITHSCORES"]),
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
      partsOpen: Number(partsOpen),
      oldestPart: oldestScore.parse(oldestPart)[1] ?? null,
    };
    return { state, count };
  }
}

function timeOf(text: string | undefined): Micros | null {
  const event = text === undefined ? null : parseEventOrNull(text);
  if (event === null) return null;
  return event.type === "entry" ? event.entry.time : event.time;
}
