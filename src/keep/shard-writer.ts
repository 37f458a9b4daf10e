import { AssertionError } from "node:assert";
import type { Batch } from "../carry/batch.ts";
import { bounds } from "../bounds.ts";
import type { BooksFence } from "../decide/ports.ts";
import type { Books } from "./books.ts";
import { codeOf } from "./postgres-client.ts";
import { Divergence } from "./divergence.ts";
import type { Head, Outbox } from "./outbox.ts";
import { Role } from "./leader-election.ts";
import { type Trouble, Troubles } from "./outage-log.ts";
import { Wake } from "./wakeable-sleep.ts";
import { messageOf } from "../errors.ts";

export interface ShardWriterOptions {
  readonly shard: number;
  readonly databaseUrl: string;
  readonly books: Books;
  readonly outbox: Outbox;
  /** Lines for whoever runs the system: one for each change of state. */
  readonly report: (line: string) => void;
}

/** Something outside is not as it should be, and may be so later: the writer waits. */
class Waits extends Error {
  readonly server: "PostgreSQL" | "Redis";
  readonly trouble: Trouble;

  constructor(server: "PostgreSQL" | "Redis", trouble: Trouble, message: string) {
    super(message);
    this.server = server;
    this.trouble = trouble;
  }
}

/**
 * Keeps one shard's batches.
 *
 * It stands by until it holds the role, then turns in a circle: take what follows the cursor, from the feed where it
 * was brought, else from the outbox; keep it in one transaction; every 100 ms look at the outbox, and trim it to what
 * is kept. The feed only makes this quick: without it, looking finds the same batches a little later.
 *
 * Nothing is kept or trimmed before Redis was seen, over the connection of this moment, to be of the books' epoch and
 * not older than the books. Where anything is not as it should be, the writer waits and begins again with what the
 * books say; only a divergence ends it.
 */
export class ShardWriter {
  readonly #options: ShardWriterOptions;
  readonly #report: (line: string) => void;
  readonly #troubles: Troubles;
  readonly #wake = new Wake();
  /** By g: brought by the feed, not kept yet. */
  readonly #brought = new Map<number, Batch>();
  #stopped = false;
  #saidStandby = false;
  #epoch: string | null = null;
  /** The cursor, as far as it is known. */
  #lastG = 0;
  /** The latest batch that the outbox was seen to have. */
  #headG = 0;
  #trimmedG = 0;
  /** Over which connection Redis was looked at, and when. */
  #lookedOver: number | null = null;
  #lookedAt = 0;
  #keptAt = 0;
  /** There was more than enough for one transaction. */
  #behind = false;
  #readBatches: number = bounds.outbox_read_batches_max;

  constructor(options: ShardWriterOptions) {
    this.#options = options;
    this.#report = (line) => options.report(`shard ${options.shard}: ${line}`);
    this.#troubles = new Troubles(this.#report);
  }

  /** Takes a batch that the feed brings: any batch, at any time. */
  offer(batch: Batch): void {
    if (batch.epoch !== this.#epoch || batch.g <= this.#lastG) return;
    if (this.#brought.size >= bounds.feed_waiting_batches_max) return;
    this.#brought.set(batch.g, batch);
    this.#wake.now();
  }

  /**
   * Until {@link stop}.
   *
   * @throws Divergence
   */
  async run(): Promise<void> {
    while (!this.#stopped) {
      const { databaseUrl, shard } = this.#options;
      const role = new Role(databaseUrl, shard, () => this.#wake.now());
      try {
        if (await this.#standBy(role)) await this.#serve(role);
      } finally {
        await role.release();
        this.#epoch = null;
        this.#brought.clear();
      }
    }
  }

  /** Lets a transaction under way finish; then {@link run} returns. */
  stop(): void {
    this.#stopped = true;
    this.#wake.now();
  }

  /** @returns whether the role is held; else it has to be tried with a new one */
  async #standBy(role: Role): Promise<boolean> {
    while (!this.#stopped) {
      try {
        if (await role.tryTake()) return true;
      } catch (error) {
        this.#troubles.begin("PostgreSQL", "away", booksAway(error));
        await this.#wake.sleep(bounds.role_look_milliseconds);
        return false;
      }
      if (!this.#saidStandby) this.#report("another writer is active, this one stands by");
      this.#saidStandby = true;
      await this.#wake.sleep(bounds.role_look_milliseconds);
    }
    return false;
  }

  async #serve(role: Role): Promise<void> {
    this.#report("this writer is active");
    this.#saidStandby = false;
    let pause: number = bounds.books_reconnect_milliseconds;
    while (role.held && !this.#stopped) {
      try {
        await this.#begin();
        while (role.held && !this.#stopped) {
          await this.#turn(role);
          this.#troubles.end("PostgreSQL");
          this.#troubles.end("Redis");
          pause = bounds.books_reconnect_milliseconds;
        }
      } catch (error) {
        if (!(error instanceof Waits)) throw error;
        this.#troubles.begin(error.server, error.trouble, error.message);
        await this.#wake.sleep(pause);
        pause = Math.min(2 * pause, bounds.keep_retry_milliseconds_max);
      }
    }
    if (!role.held) this.#report("the role of the active writer was lost with its connection to PostgreSQL");
  }

  /** Takes from the books what this writer goes by. */
  async #begin(): Promise<void> {
    const fence = await this.#fence();
    this.#epoch = fence.epoch;
    this.#lastG = fence.lastG;
    this.#headG = fence.lastG;
    this.#trimmedG = 0;
    this.#lookedOver = null;
    this.#forgetKept();
  }

  async #turn(role: Role): Promise<void> {
    if (!this.#behind)
      await Bun.sleep(Math.max(0, this.#keptAt + bounds.keep_pace_milliseconds - performance.now()));
    const lookAt = this.#lookedAt + bounds.outbox_look_milliseconds;
    if (performance.now() >= lookAt || !this.#isLookedAt()) await this.#look();

    const batches = await this.#following();
    if (batches.length === 0) {
      this.#behind = false;
      await this.#wake.sleep(this.#lookedAt + bounds.outbox_look_milliseconds - performance.now());
    } else if (role.held && this.#isLookedAt()) {
      await this.#keep(batches);
    }
  }

  /** What follows the cursor without a gap, as far as it is worth one transaction. */
  async #following(): Promise<readonly Batch[]> {
    const brought = this.#fromFeed();
    if (brought.length > 0) return brought;
    const known = this.#headG > this.#lastG || this.#brought.size > 0;
    if (!known) return [];
    if (!this.#behind) {
      await Bun.sleep(bounds.feed_patience_milliseconds);
      const late = this.#fromFeed();
      if (late.length > 0) return late;
    }
    return this.#fromOutbox();
  }

  #fromFeed(): Batch[] {
    const batches: Batch[] = [];
    let entries = 0;
    for (let g = this.#lastG + 1; entries < bounds.keep_entries_target; g += 1) {
      const batch = this.#brought.get(g);
      if (batch === undefined) break;
      batches.push(batch);
      entries += batch.events.length;
    }
    return batches;
  }

  async #fromOutbox(): Promise<readonly Batch[]> {
    const batches = await this.#readOutbox();
    if (batches.length > 0) return batches;
    await this.#look();
    if (this.#headG <= this.#lastG) {
      // What the feed brought cannot be of this ledger.
      this.#brought.clear();
      return [];
    }
    const again = await this.#readOutbox();
    if (again.length > 0 || !this.#isLookedAt()) return again;
    // Another writer may have kept it and trimmed the outbox meanwhile.
    const { lastG } = await this.#fence();
    if (lastG === this.#lastG) {
      const { outbox, shard } = this.#options;
      // Whatever the APIs answered from now on, these books could not keep it.
      await redisAnswer(outbox.markLost(shard, this.#epoch ?? "", lastG + 1, lastG));
      throw new Divergence(
        { shard, g: lastG + 1 },
        "it is neither in the outbox nor in the books, which are older than Redis: bring the books up to date, or " +
          "run razonete restore",
      );
    }
    this.#lastG = lastG;
    this.#forgetKept();
    return [];
  }

  /** The batches that follow the cursor, as many as make about one transaction. */
  async #readOutbox(): Promise<readonly Batch[]> {
    const { outbox, shard } = this.#options;
    const first = this.#lastG + 1;
    const read = await redisAnswer(outbox.read(this.#epoch ?? "", shard, first, this.#readBatches));
    const until = read.findIndex((batch, index) => batch.g !== first + index);
    const batches = until === -1 ? read : read.slice(0, until);
    const entries = entriesOf(batches);
    if (entries > 0) {
      const wanted = Math.ceil((bounds.keep_entries_target * batches.length) / entries);
      this.#readBatches = Math.min(wanted, bounds.outbox_read_batches_max);
    }
    return this.#isLookedAt() ? batches : [];
  }

  async #keep(batches: readonly Batch[]): Promise<void> {
    const { books, shard } = this.#options;
    this.#keptAt = performance.now();
    const kept = await booksAnswer(books.keep(shard, batches));
    this.#lastG = kept.lastG;
    this.#forgetKept();
    const most = batches.length === bounds.outbox_read_batches_max;
    this.#behind = most || entriesOf(batches) >= bounds.keep_entries_target;
  }

  #forgetKept(): void {
    for (const [g, batch] of this.#brought) {
      if (g <= this.#lastG || batch.epoch !== this.#epoch) this.#brought.delete(g);
    }
  }

  /** Whether Redis was looked at over the connection of this moment. */
  #isLookedAt(): boolean {
    return this.#lookedOver !== null && this.#lookedOver === this.#options.outbox.connection;
  }

  /**
   * Sees how far the outbox is, and trims what is kept.
   *
   * @throws Waits where Redis is away, empty, another ledger's, or older than the books
   */
  async #look(): Promise<void> {
    const { outbox, shard } = this.#options;
    const connection = outbox.connection;
    if (connection === null)
      throw new Waits("Redis", "away", "Redis is away: what is answered is kept when it is back");
    const isNew = this.#lookedOver !== connection;
    const broughtG = isNew ? Math.max(0, ...this.#brought.keys()) : 0;
    const brought = this.#brought.get(broughtG);
    // What the feed brought before may not have survived in Redis.
    if (isNew) this.#brought.clear();
    const head = await redisAnswer(outbox.head(shard));
    if (head === null) {
      throw new Waits(
        "Redis",
        "no ledger",
        "Redis holds no ledger, the books do: give it its data back, or run razonete restore",
      );
    }
    if (head.epoch !== this.#epoch) {
      throw new Waits(
        "Redis",
        "another epoch",
        `Redis is of epoch ${head.epoch}, the books are of ${this.#epoch}: nothing is kept`,
      );
    }
    let { lost } = head;
    if (brought !== undefined && (await this.#isGone(brought, head.g))) {
      await this.#noteLost(broughtG, head.g < broughtG ? null : "other");
      lost = broughtG;
    }
    const older = olderThan({ ...head, lost }, this.#lastG);
    if (older !== null) {
      throw new Waits("Redis", "older", `${older}: give it its data back, or run razonete restore`);
    }
    this.#lookedOver = connection;
    this.#lookedAt = performance.now();
    this.#headG = head.g;
    if (this.#trimmedG < this.#lastG && this.#isLookedAt()) {
      const lastG = this.#lastG;
      await redisAnswer(outbox.trim(shard, lastG));
      this.#trimmedG = lastG;
    }
  }

  /** Whether Redis does not have the batch, or has another one under its number. */
  async #isGone({ epoch, shard, g, events }: Batch, headG: number): Promise<boolean> {
    if (headG < g) return true;
    const [same] = await redisAnswer(this.#options.outbox.read(epoch, shard, g, 1));
    // Trimmed is what was kept.
    return same?.g === g && same.events.some((event, index) => event !== events[index]);
  }

  /** What the feed brought was answered: neither an API nor this writer may go on as if it had not been. */
  async #noteLost(g: number, keptG: "other" | null): Promise<void> {
    const { books, outbox, shard } = this.#options;
    const epoch = this.#epoch ?? "";
    await redisAnswer(outbox.markLost(shard, epoch, g, keptG));
    await booksAnswer(books.noteSeen(epoch, shard, g));
  }

  async #fence(): Promise<{ readonly epoch: string; readonly lastG: number }> {
    const { books, shard } = this.#options;
    const fence: BooksFence | null = await booksAnswer(books.fence());
    const lastG = fence?.lastG[shard];
    if (fence === null || !fence.loaded || lastG === undefined) {
      throw new Waits(
        "PostgreSQL",
        "no books",
        "the books are not there yet, or are being restored: run razonete init, or razonete restore",
      );
    }
    return { epoch: fence.epoch, lastG };
  }
}

function olderThan({ g, lost }: NonNullable<Head>, lastG: number): string | null {
  if (g < lastG) return `Redis is older than the books (batch ${g}, the books have ${lastG})`;
  return lost === null
    ? null
    : `Redis has lost what it has answered (batch ${lost}, it has ${g}): nothing is kept`;
}

function entriesOf(batches: readonly Batch[]): number {
  return batches.reduce((sum, { events }) => sum + events.length, 0);
}

/** @throws Waits, or what is no matter of waiting */
async function booksAnswer<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof Divergence || error instanceof AssertionError) throw error;
    throw new Waits("PostgreSQL", "away", booksAway(error));
  }
}

async function redisAnswer<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    const reason = messageOf(error);
    throw new Waits(
      "Redis",
      "away",
      `Redis cannot be used (${reason}): what is answered is kept when it can`,
    );
  }
}

function booksAway(error: unknown): string {
  const reason = error instanceof Error ? error.message || codeOf(error) : String(error);
  return `PostgreSQL cannot be used (${reason}): what is answered waits in the outbox`;
}
