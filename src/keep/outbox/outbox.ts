import { z } from "zod";
import type { Batch } from "../../carry/batch.ts";
import { bounds } from "../../bounds.ts";
import {
  connectRedis,
  headKey,
  markLost,
  outboxKey,
  readOutbox,
  type Redis,
} from "../../decide/redis-client.ts";
import { isReplica } from "../../decide/redis-settings.ts";

/** `null`: Redis has nothing of the shard. */
export type Head = {
  readonly epoch: string;
  readonly g: number;
  /** A batch that was answered and is gone; `null` if there is none. */
  readonly lost: number | null;
} | null;

const headReply = z.tuple([z.string().nullable(), z.string().nullable(), z.string().nullable()]);

/** The outboxes in Redis, as the writer uses them. Methods reject while Redis is away and work again when it is back. */
export class Outbox {
  readonly #redis: Redis;
  /** Counts connections: what was seen over an earlier one may have been another Redis. */
  #connections = 0;

  constructor(url: string) {
    this.#redis = connectRedis(url, () => {});
    this.#redis.on("ready", () => {
      this.#connections += 1;
    });
    // The client keeps trying by itself, and methods that are called meanwhile reject.
    this.#redis.connect().catch(() => {});
  }

  /** A number that is different for each connection; `null` while there is none. */
  get connection(): number | null {
    return this.#redis.isReady ? this.#connections : null;
  }

  /** Whether this Redis follows another one. */
  async isReplica(): Promise<boolean> {
    return isReplica(this.#redis);
  }

  async head(shard: number): Promise<Head> {
    const reply: unknown = await this.#redis.sendCommand(["HMGET", headKey(shard), "epoch", "g", "lost"]);
    const [epoch, g, lost] = headReply.parse(reply);
    if (epoch === null || g === null) return null;
    return { epoch, g: Number(g), lost: lost === null ? null : Number(lost) };
  }

  /** Up to `count` batches, beginning at `g`, in order. The caller knows the epoch. */
  async read(epoch: string, shard: number, g: number, count: number): Promise<Batch[]> {
    const entries = await readOutbox(this.#redis, shard, g, Math.min(count, bounds.outbox_read_batches_max));
    return entries.map((entry) => ({ epoch, shard, ...entry }));
  }

  /** Deletes the batches up to and including `g`. */
  async trim(shard: number, g: number): Promise<void> {
    await this.#redis.sendCommand(["XTRIM", outboxKey(shard), "MINID", "=", String(g + 1)]);
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
    return Number(await this.#redis.sendCommand(["FCALL", "razonete_sweep", "1", headKey(shard), ...args]));
  }

  /** See {@link markLost}. */
  async markLost(shard: number, epoch: string, g: number, keptG: number | "other" | null): Promise<void> {
    await markLost(this.#redis, { shard, epoch, g, keptG });
  }

  close(): void {
    this.#redis.destroy();
  }
}
