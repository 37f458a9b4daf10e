import { type Batch, eventCountOf } from "../carry/batch.ts";
import { bounds } from "../bounds.ts";
import { parseEventOrNull } from "../ledger/event.ts";
import type { BooksFence } from "../decide/ports.ts";
import type { Report } from "../log/report.ts";
import { traceKeep } from "../traces/trace-keep.ts";
import type { Tracing } from "../traces/tracing.ts";
import { writerLock } from "./postgres-client.ts";
import { Divergence } from "./divergence.ts";
import { CheckedOutbox, type Cursor } from "./redis/checked-outbox.ts";
import type { Outbox } from "./redis/outbox.ts";
import { Leadership } from "./leader-election.ts";
import type { KeptBooks } from "../metrics/writer-measures.ts";
import { booksAnswer, booksAway, MustWait } from "./must-wait.ts";
import { OutageLog } from "./outage-log.ts";
import { WakeableSleep } from "./wakeable-sleep.ts";

export interface ShardWriterOptions {
  readonly shard: number;
  readonly databaseUrl: string;
  readonly books: KeptBooks;
  readonly outbox: Outbox;
  /** False keeps in a PostgreSQL that may lose committed rows when the machine loses its power. */
  readonly durable: boolean;
  /** Called with a line for the operator at each change of state. */
  readonly report: Report;
  readonly tracing: Tracing | null;
}

/**
 * Moves the batches of one shard into the books.
 *
 * It stands by until it is the leader. Then it repeats these steps: take the batches after the cursor, from the feed if
 * it has delivered them, else from the outbox; keep them in one transaction. Every 100 ms it also checks the outbox and
 * removes from it what is kept. The feed only makes this faster: without it, the check of the outbox finds the same
 * batches a little later. Once a second it also sweeps: holds that are due end, in batches that it finds in the outbox as
 * any other, and Redis forgets the ids of requests that nobody sends again.
 *
 * Nothing is kept or removed before Redis was checked over its current connection: it must be no replica, of the books'
 * epoch and not older than the books. Nor before PostgreSQL's settings were: what is removed must be on its disk. Both
 * are checked again while they run. If anything is wrong, the writer waits, then begins again from the state of the
 * books. Only a divergence ends it.
 */
export class ShardWriter {
  readonly #options: ShardWriterOptions;
  readonly #report: Report;
  readonly #outages: OutageLog;
  readonly #outbox: CheckedOutbox;
  readonly #sleep = new WakeableSleep();
  /** By g: batches from the feed that are not kept yet. */
  readonly #feedBatches = new Map<number, Batch>();
  #stopped = false;
  #reportedStandby = false;
  #epoch: string | null = null;
  /** The cursor, as last seen. */
  #lastG = 0;
  /** When PostgreSQL's settings and Redis's role were last checked. */
  #settingsCheckedAt = 0;
  #keptAt = 0;
  /** The last transaction was full, so there is probably more to keep. */
  #behind = false;

  constructor(options: ShardWriterOptions) {
    this.#options = options;
    const { shard } = options;
    this.#report = (line, about) => options.report(`shard ${shard}: ${line}`, { ...about, shard });
    this.#outages = new OutageLog(this.#report);
    this.#outbox = new CheckedOutbox(options);
  }

  /** Whether it is this writer that keeps the shard's batches. */
  get isActive(): boolean {
    return this.#epoch !== null;
  }

  /** Takes a batch from the feed. It may be any batch, at any time. */
  offer(batch: Batch): void {
    if (batch.epoch !== this.#epoch || batch.g <= this.#lastG) return;
    if (this.#feedBatches.size >= bounds.feed_waiting_batches_max) return;
    this.#feedBatches.set(batch.g, batch);
    this.#sleep.wake();
  }

  /**
   * Runs until {@link stop}.
   *
   * @throws Divergence
   */
  async run(): Promise<void> {
    while (!this.#stopped) {
      const { databaseUrl, shard } = this.#options;
      const work = { name: `razonete writer ${shard}`, lock: writerLock(shard) };
      const leadership = new Leadership(databaseUrl, work, () => this.#sleep.wake());
      try {
        if (await this.#standBy(leadership)) await this.#lead(leadership);
      } finally {
        await leadership.release();
        this.#epoch = null;
        this.#feedBatches.clear();
      }
    }
  }

  /** Lets the current transaction finish; then {@link run} returns. */
  stop(): void {
    this.#stopped = true;
    this.#sleep.wake();
  }

  /** @returns whether this writer is the leader now; if not, a new Leadership has to be tried */
  async #standBy(leadership: Leadership): Promise<boolean> {
    while (!this.#stopped) {
      try {
        if (await leadership.tryTake()) return true;
      } catch (error) {
        this.#outages.begin("PostgreSQL", "away", booksAway(error));
        await this.#sleep.for(bounds.role_look_milliseconds);
        return false;
      }
      if (!this.#reportedStandby) this.#report("another writer is active, this one stands by");
      this.#reportedStandby = true;
      await this.#sleep.for(bounds.role_look_milliseconds);
    }
    return false;
  }

  async #lead(leadership: Leadership): Promise<void> {
    this.#report("this writer is active");
    this.#reportedStandby = false;
    let pause: number = bounds.books_reconnect_milliseconds;
    while (leadership.held && !this.#stopped) {
      try {
        await this.#reload();
        while (leadership.held && !this.#stopped) {
          await this.#step(leadership);
          this.#outages.end("PostgreSQL");
          this.#outages.end("Redis");
          pause = bounds.books_reconnect_milliseconds;
        }
      } catch (error) {
        if (!(error instanceof MustWait)) throw error;
        this.#outages.begin(error.server, error.outage, error.message);
        await this.#sleep.for(pause);
        pause = Math.min(2 * pause, bounds.keep_retry_milliseconds_max);
      }
    }
    if (!leadership.held)
      this.#report("the role of the active writer was lost with its connection to PostgreSQL");
  }

  /** Reads epoch and cursor from the books and starts from there. */
  async #reload(): Promise<void> {
    const fence = await this.#fence();
    this.#epoch = fence.epoch;
    this.#lastG = fence.lastG;
    this.#outbox.begin(fence.lastG);
    this.#dropKept();
  }

  async #step(leadership: Leadership): Promise<void> {
    if (!this.#behind)
      await Bun.sleep(Math.max(0, this.#keptAt + bounds.keep_pace_milliseconds - performance.now()));
    const settingsCheckAt = this.#settingsCheckedAt + bounds.settings_look_milliseconds;
    if (performance.now() >= settingsCheckAt || !this.#outbox.isChecked) await this.#checkSettings();
    if (performance.now() >= this.#outbox.nextCheckAt || !this.#outbox.isChecked) await this.#checkOutbox();

    const batches = await this.#nextBatches();
    if (batches.length === 0) {
      this.#behind = false;
      await this.#sleep.for(this.#outbox.nextCheckAt - performance.now());
    } else if (leadership.held && this.#outbox.isChecked) {
      await this.#keep(batches);
    }
  }

  /** The batches after the cursor, without a gap, as many as make about one transaction. */
  async #nextBatches(): Promise<readonly Batch[]> {
    const fromFeed = this.#takeFromFeed();
    if (fromFeed.length > 0) return fromFeed;
    const known = this.#outbox.headG > this.#lastG || this.#feedBatches.size > 0;
    if (!known) return [];
    if (!this.#behind) {
      await Bun.sleep(bounds.feed_patience_milliseconds);
      const late = this.#takeFromFeed();
      if (late.length > 0) return late;
    }
    return this.#takeFromOutbox();
  }

  #takeFromFeed(): Batch[] {
    const batches: Batch[] = [];
    let entries = 0;
    for (let g = this.#lastG + 1; entries < bounds.keep_entries_target; g += 1) {
      const batch = this.#feedBatches.get(g);
      if (batch === undefined) break;
      batches.push(batch);
      entries += batch.events.length;
    }
    return batches;
  }

  async #takeFromOutbox(): Promise<readonly Batch[]> {
    const batches = await this.#outbox.read(this.#cursor);
    if (batches.length > 0) return batches;
    await this.#checkOutbox();
    if (this.#outbox.headG <= this.#lastG) {
      // The batches from the feed cannot be of this ledger.
      this.#feedBatches.clear();
      return [];
    }
    const again = await this.#outbox.read(this.#cursor);
    if (again.length > 0 || !this.#outbox.isChecked) return again;
    // Another writer may have kept the batch and removed it from the outbox meanwhile.
    const { lastG } = await this.#fence();
    if (lastG === this.#lastG) {
      const { shard } = this.#options;
      // Whatever the APIs answered from now on could not be kept in these books.
      await this.#outbox.markGone(this.#cursor);
      throw new Divergence(
        { shard, g: lastG + 1 },
        "it is neither in the outbox nor in the books, which are older than Redis: bring the books up to date, or " +
          "run razonete restore",
      );
    }
    this.#lastG = lastG;
    this.#dropKept();
    return [];
  }

  async #keep(batches: readonly Batch[]): Promise<void> {
    const { books, shard, tracing } = this.#options;
    this.#keptAt = performance.now();
    const keep = () => booksAnswer(books.keep(shard, batches));
    const kept = await traceKeep(tracing, shard, batches, keep);
    this.#lastG = kept.lastG;
    this.#dropKept();
    const isFull = batches.length === bounds.outbox_read_batches_max;
    this.#behind = isFull || eventCountOf(batches) >= bounds.keep_entries_target;
  }

  #dropKept(): void {
    for (const [g, batch] of this.#feedBatches) {
      if (g <= this.#lastG || batch.epoch !== this.#epoch) this.#feedBatches.delete(g);
    }
  }

  get #cursor(): Cursor {
    return { epoch: this.#epoch ?? "", lastG: this.#lastG };
  }

  /** @throws MustWait if what is kept could be lost again, or if Redis is a replica */
  async #checkSettings(): Promise<void> {
    const { books, durable } = this.#options;
    const fault = await booksAnswer(books.settingsFault(durable));
    if (fault !== null) throw new MustWait("PostgreSQL", "settings", `${fault}: nothing is kept`);
    await this.#outbox.requirePrimary();
    this.#settingsCheckedAt = performance.now();
  }

  /** @throws MustWait if Redis is away, empty, of another ledger, or older than the books */
  async #checkOutbox(): Promise<void> {
    await this.#outbox.check(this.#cursor, () => {
      const latest = latestOf(this.#epoch, this.#feedBatches.values());
      // Redis may have lost batches that the feed delivered before.
      this.#feedBatches.clear();
      return latest;
    });
  }

  async #fence(): Promise<{ readonly epoch: string; readonly lastG: number }> {
    const { books, shard } = this.#options;
    const fence: BooksFence | null = await booksAnswer(books.fence());
    const lastG = fence?.lastG[shard];
    if (fence === null || !fence.loaded || lastG === undefined) {
      throw new MustWait(
        "PostgreSQL",
        "no books",
        "the books are not there yet, or are being restored: run razonete init, or razonete restore",
      );
    }
    return { epoch: fence.epoch, lastG };
  }
}

/** The latest of the batches, without those of a stranger: anyone may publish to the feed's subjects. */
function latestOf(epoch: string | null, batches: Iterable<Batch>): Batch | null {
  let latest: Batch | null = null;
  for (const batch of batches) {
    const isLater = batch.epoch === epoch && batch.g > (latest?.g ?? 0);
    if (isLater && batch.events.every((text) => parseEventOrNull(text) !== null)) latest = batch;
  }
  return latest;
}
