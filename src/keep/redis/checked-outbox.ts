import { type Batch, eventCountOf } from "../../carry/batch.ts";
import { bounds } from "../../bounds.ts";
import { REPLICA_FAULT } from "../../decide/redis-settings.ts";
import type { KeptBooks } from "../../metrics/writer-measures.ts";
import { booksAnswer, MustWait, redisAnswer } from "../must-wait.ts";
import type { Head, Outbox } from "./outbox.ts";

export interface CheckedOutboxOptions {
  readonly shard: number;
  readonly outbox: Outbox;
  readonly books: Pick<KeptBooks, "noteSeen">;
}

/** Of which epoch the books are, and the last batch that they have. */
export interface Cursor {
  readonly epoch: string;
  readonly lastG: number;
}

/**
 * The outbox of one shard, as its active writer uses it: nothing is read or removed before Redis was checked over its
 * current connection. It must be no replica, of the books' epoch and not older than the books.
 *
 * Methods throw MustWait where Redis cannot be used, or not yet.
 */
export class CheckedOutbox {
  readonly #options: CheckedOutboxOptions;
  /** The latest batch that was seen in the outbox. */
  #headG = 0;
  #trimmedG = 0;
  /** Over which connection to Redis the outbox was checked, and when. */
  #checkedConnection: number | null = null;
  #checkedAt = 0;
  #sweptAt = 0;
  /** What the feed delivered over an earlier connection, where no Redis could be asked for it yet. */
  #unseenBatch: Batch | null = null;
  #readBatches: number = bounds.outbox_read_batches_max;

  constructor(options: CheckedOutboxOptions) {
    this.#options = options;
  }

  /** Whether Redis was checked over its current connection. */
  get isChecked(): boolean {
    const { outbox, shard } = this.#options;
    return this.#checkedConnection !== null && this.#checkedConnection === outbox.connection(shard);
  }

  /** When the next check is due, in milliseconds of `performance.now`. */
  get nextCheckAt(): number {
    return this.#checkedAt + bounds.outbox_look_milliseconds;
  }

  /** The latest batch that was seen in it. */
  get headG(): number {
    return this.#headG;
  }

  /** Nothing is known of it any more but where the books are. */
  begin(lastG: number): void {
    this.#headG = lastG;
    this.#trimmedG = 0;
    this.#checkedConnection = null;
  }

  /** Throws where Redis is a replica. While it is away, its connection is waited for in {@link check}. */
  async requirePrimary(): Promise<void> {
    const { outbox, shard } = this.#options;
    if (outbox.connection(shard) !== null && (await this.#answer(outbox.isReplica(shard))))
      throw new MustWait("Redis", "replica", `${REPLICA_FAULT}: nothing is kept`);
  }

  /**
   * Checks how far the outbox is, removes from it what is kept, and sweeps now and then. Throws if Redis is away, empty,
   * of another ledger, or older than the books.
   *
   * @param takeFeed called where the connection is a new one: takes away what the feed has delivered over the one before,
   * and returns the latest batch of it, which Redis must still have
   */
  async check({ epoch, lastG }: Cursor, takeFeed: () => Batch | null): Promise<void> {
    const { outbox, shard } = this.#options;
    const connection = outbox.connection(shard);
    if (connection === null)
      throw new MustWait("Redis", "away", "Redis is away: what is answered is kept when it is back");
    if (this.#checkedConnection !== connection) {
      this.#unseenBatch = takeFeed() ?? this.#unseenBatch;
      // Another Redis may not have followed that.
      this.#trimmedG = 0;
    }
    const feedBatch = this.#unseenBatch?.epoch === epoch ? this.#unseenBatch : null;
    const head = await this.#answer(outbox.head(shard));
    this.#unseenBatch = null;
    if (head === null) {
      throw new MustWait(
        "Redis",
        "no ledger",
        "Redis holds no ledger, the books do: give it its data back, or run razonete restore",
      );
    }
    if (head.epoch !== epoch) {
      throw new MustWait(
        "Redis",
        "another epoch",
        `Redis is of epoch ${head.epoch}, the books are of ${epoch}: nothing is kept`,
      );
    }
    let { lost } = head;
    if (feedBatch !== null && (await this.#isLost(feedBatch, head.g))) {
      await this.#noteLost(feedBatch, head.g < feedBatch.g ? null : "other");
      lost = feedBatch.g;
    }
    const reason = reasonOlder({ ...head, lost }, lastG);
    if (reason !== null) {
      throw new MustWait("Redis", "older", `${reason}: give it its data back, or run razonete restore`);
    }
    this.#checkedConnection = connection;
    this.#checkedAt = performance.now();
    this.#headG = head.g;
    if (this.#trimmedG < lastG && this.isChecked) {
      await this.#answer(outbox.trim(shard, lastG));
      this.#trimmedG = lastG;
    }
    if (performance.now() >= this.#sweptAt + bounds.sweep_milliseconds) {
      const now = performance.now();
      if (await this.#sweep({ epoch, lastG })) this.#sweptAt = now;
    }
  }

  /** The batches after the cursor, without a gap, as many as make about one transaction. */
  async read({ epoch, lastG }: Cursor): Promise<readonly Batch[]> {
    const { outbox, shard } = this.#options;
    const first = lastG + 1;
    const read = await this.#answer(outbox.read(epoch, shard, first, this.#readBatches));
    const until = read.findIndex((batch, index) => batch.g !== first + index);
    const batches = until === -1 ? read : read.slice(0, until);
    const entries = eventCountOf(batches);
    if (entries > 0) {
      const wanted = Math.ceil((bounds.keep_entries_target * batches.length) / entries);
      this.#readBatches = Math.min(wanted, bounds.outbox_read_batches_max);
    }
    return this.isChecked ? batches : [];
  }

  /** Tells Redis that the batch after the cursor is in neither outbox nor books: it answers nobody from then on. */
  async markGone({ epoch, lastG }: Cursor): Promise<void> {
    const { outbox, shard } = this.#options;
    await this.#answer(outbox.markLost(shard, epoch, lastG + 1, lastG));
  }

  /**
   * One call ends a few hundred holds at most. However many are due, keeping goes on after some calls.
   *
   * @returns whether that was all
   */
  async #sweep({ epoch, lastG }: Cursor): Promise<boolean> {
    const { outbox, shard } = this.#options;
    for (let call = 0; call < bounds.sweep_calls_max; call += 1)
      if ((await this.#answer(outbox.sweep(shard, epoch, lastG))) === 0) return true;
    return false;
  }

  /** Whether Redis does not have the batch, or has another one with its number. */
  async #isLost({ epoch, shard, g, events }: Batch, headG: number): Promise<boolean> {
    if (headG < g) return true;
    const [same] = await this.#answer(this.#options.outbox.read(epoch, shard, g, 1));
    // A batch that is no longer in the outbox was kept.
    return same?.g === g && same.events.some((event, index) => event !== events[index]);
  }

  /** @throws MustWait */
  #answer<T>(answer: Promise<T>): Promise<T> {
    return redisAnswer(this.#options.outbox.isCluster, answer);
  }

  /** Marks a batch from the feed as lost. It was answered, so APIs and writer must not continue as if it had not been. */
  async #noteLost({ epoch, shard, g }: Batch, keptG: "other" | null): Promise<void> {
    const { books, outbox } = this.#options;
    await this.#answer(outbox.markLost(shard, epoch, g, keptG));
    await booksAnswer(books.noteSeen(epoch, shard, g));
  }
}

function reasonOlder({ g, lost }: NonNullable<Head>, lastG: number): string | null {
  if (g < lastG) return `Redis is older than the books (batch ${g}, the books have ${lastG})`;
  return lost === null
    ? null
    : `Redis has lost what it has answered (batch ${lost}, it has ${g}): nothing is kept`;
}
