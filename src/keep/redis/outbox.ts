import { z } from "zod";
import type { Batch } from "../../carry/batch.ts";
import { bounds } from "../../bounds.ts";
import { reachNode } from "../../decide/nodes/reach-node.ts";
import { openRedisNodes } from "../../decide/nodes/open-nodes.ts";
import type { RedisNodes } from "../../decide/nodes/redis-nodes.ts";
import { headKey, markLost, outboxKey, readOutbox } from "../../decide/redis-client.ts";
import { isReplica } from "../../decide/redis-settings.ts";

/** `null`: Redis has nothing of the shard. */
export type Head = {
  readonly epoch: string;
  readonly g: number;
  /** A batch that was answered and is gone; `null` if there is none. */
  readonly lost: number | null;
} | null;

const headReply = z.tuple([z.string().nullable(), z.string().nullable(), z.string().nullable()]);

/**
 * The outboxes in Redis, as the writer uses them. Methods reject while Redis is away and work again when it is back.
 *
 * Where replicas are waited for, what is read was seen on so many of them, and read from the one primary: a primary shows
 * batches that its replicas do not have yet, and that nobody was told of. If it dies they are gone, and others get their
 * numbers. In the books they must not be.
 */
export class Outbox {
  readonly #nodes: RedisNodes;

  /** @param redisUrl as REDIS_URL */
  constructor(redisUrl: string, minReplicas: number) {
    this.#nodes = openRedisNodes(redisUrl, { minReplicas });
    // One Redis has the others as well, so it is reached while the books are still being asked for their shards.
    this.#nodes.shard(0);
  }

  /** Whether the shards are on a Redis Cluster. */
  get isCluster(): boolean {
    return this.#nodes.isCluster;
  }

  /** Resolves once the shard's Redis is reached for the first time, or is found not to be there for a moment. */
  async reached(shard: number): Promise<void> {
    await reachNode(this.#nodes.shard(shard), bounds.redis_connect_milliseconds_max);
  }

  /** A number that is different for each connection to the shard's Redis; `null` while there is none. */
  connection(shard: number): number | null {
    return this.#nodes.shard(shard).connection;
  }

  /** Whether this Redis follows another one. In a cluster, one that does says so to each command, and is left for its primary. */
  async isReplica(shard: number): Promise<boolean> {
    return !this.isCluster && isReplica(this.#nodes.shard(shard));
  }

  async head(shard: number): Promise<Head> {
    const { confirmed } = this.#nodes.shard(shard);
    const reply: unknown = await confirmed.sendCommand(["HMGET", headKey(shard), "epoch", "g", "lost"]);
    const [epoch, g, lost] = headReply.parse(reply);
    if (epoch === null || g === null) return null;
    return { epoch, g: Number(g), lost: lost === null ? null : Number(lost) };
  }

  /** Up to `count` batches, beginning at `g`, in order. The caller knows the epoch. */
  async read(epoch: string, shard: number, g: number, count: number): Promise<Batch[]> {
    const { confirmed } = this.#nodes.shard(shard);
    const entries = await readOutbox(confirmed, shard, g, Math.min(count, bounds.outbox_read_batches_max));
    return entries.map((entry) => ({ epoch, shard, ...entry }));
  }

  /**
   * Deletes the batches up to and including `g`, which are in the books. Where a failover takes that back, they are there
   * once more, and nobody reads them.
   */
  async trim(shard: number, g: number): Promise<void> {
    await this.#nodes.shard(shard).sendCommand(["XTRIM", outboxKey(shard), "MINID", "=", String(g + 1)]);
  }

  /**
   * Ends holds that are due, in a batch, and lets Redis forget the ids of requests that nobody sends again. To be called
   * about once a second.
   *
   * @param g the books' cursor: Redis refuses if it is older
   * @returns how many holds have ended: with many of them there are more
   */
  async sweep(shard: number, epoch: string, g: number): Promise<number> {
    // It makes few batches, and only while they can be kept: so it keeps to no bound of the outbox.
    const args = [epoch, String(g), String(Number.MAX_SAFE_INTEGER)];
    const command = ["FCALL", "razonete_sweep", "1", headKey(shard), ...args];
    return Number(await this.#nodes.shard(shard).sendCommand(command));
  }

  /** See {@link markLost}. */
  async markLost(shard: number, epoch: string, g: number, keptG: number | "other" | null): Promise<void> {
    await markLost(this.#nodes.shard(shard).confirmed, { shard, epoch, g, keptG });
  }

  close(): void {
    this.#nodes.close();
  }
}
