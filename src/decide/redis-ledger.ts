import type { Account } from "../ledger/account.ts";
import type { Command } from "../ledger/command.ts";
import type { Entry } from "../ledger/entry.ts";
import {
  type HistoryPage,
  type Ledger,
  LedgerUnavailable,
  type Outcome,
  type Readiness,
  type Statement,
} from "../ledger/ledger.ts";
import { bounds } from "../bounds.ts";
import type { BooksReader } from "./ports.ts";
import { RedisLink } from "./redis-link.ts";
import { type AccountSnapshot, Shard, type ShardOptions } from "./shard.ts";

export interface RedisLedgerOptions extends ShardOptions {
  readonly redisUrl: string;
  readonly books: BooksReader;
  /** False takes a Redis that does not fsync before it answers. */
  readonly durable: boolean;
}

const HISTORY_ATTEMPTS_MAX = 5;

/**
 * The ledger of the cluster, as one of its APIs sees it: Redis decides, in one function call for each batch; the books
 * in PostgreSQL know the history. Any number of these may run at once.
 */
export class RedisLedger implements Ledger {
  readonly #books: BooksReader;
  readonly #link: RedisLink;
  readonly #balancerResends: boolean;
  readonly #newShard: (number: number) => Shard;
  readonly #deadlines: ReturnType<typeof setInterval>;
  /** Empty until Redis was admitted for the first time; then their number stands. */
  readonly #shards: Shard[] = [];
  /** Ends the waiting of each request that came before; a promise for all would hold on to those that gave up. */
  readonly #waitingForAdmission = new Set<() => void>();
  #closed = false;

  constructor(options: RedisLedgerOptions) {
    const { redisUrl: url, books, durable } = options;
    this.#books = books;
    this.#balancerResends = options.balancerResends;
    this.#link = new RedisLink({
      url,
      books,
      durable,
      onAdmitted: (...admitted) => this.#onAdmitted(...admitted),
    });
    this.#newShard = (number) => new Shard(number, this.#link, options);
    this.#deadlines = setInterval(() => {
      for (const shard of this.#shards) shard.expire(performance.now());
    }, bounds.deadline_check_milliseconds);
  }

  async submit(command: Command): Promise<Outcome> {
    if (this.#shards.length === 0) await this.#firstAdmission();
    // An account that is to be opened has no number yet: its id spreads it, so that a resend finds the same shard.
    const spread = command.type === "open" ? Bun.hash.crc32(command.id) : command.account;
    return this.#shard(spread, this.#balancerResends ? "unknown" : "none").submit(command);
  }

  async account(id: number): Promise<Account | null> {
    if (this.#shards.length === 0) await this.#firstAdmission();
    return (await this.#shard(id).read("account", id))?.account ?? null;
  }

  async statement(id: number): Promise<Statement | null> {
    if (this.#shards.length === 0) await this.#firstAdmission();
    return this.#shard(id).read("statement", id);
  }

  /**
   * From the books; what is not there yet comes from Redis. Redis is asked first: what the writer keeps and trims from
   * the outbox after that is in the books when they are asked.
   */
  async history(id: number, { count, before }: HistoryPage): Promise<readonly Entry[] | null> {
    if (this.#shards.length === 0) await this.#firstAdmission();
    const shard = this.#shard(id);
    for (let attempt = 0; attempt < HISTORY_ATTEMPTS_MAX; attempt += 1) {
      const snapshot = await shard.read("statement", id);
      if (snapshot === null) return null;
      const newest = Math.min(snapshot.account.seq, before === null ? Number.MAX_SAFE_INTEGER : before - 1);
      const kept = await this.#keptHistory(id, before, count);
      const unkept = kept.keptSeq < newest ? await this.#unkeptEntries(shard, snapshot, kept.keptSeq) : [];
      const page = [...unkept, ...kept.entries].filter((entry) => entry.seq <= newest).slice(0, count);
      // A hole was kept and trimmed between two readings: the next time it is in the books.
      const whole =
        page.length === Math.min(count, newest) && page.every((entry, index) => entry.seq === newest - index);
      if (whole) return page;
    }
    throw new LedgerUnavailable("the history changed faster than it could be read", "none");
  }

  readiness(): Readiness {
    return this.#link.readiness();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const proceed of this.#waitingForAdmission) proceed();
    const deadline = performance.now() + bounds.decision_milliseconds_max;
    while (performance.now() < deadline && !this.#shards.every((shard) => shard.idle)) await Bun.sleep(1);
    clearInterval(this.#deadlines);
    this.#link.close();
    for (const shard of this.#shards) shard.abandon("the ledger is closed");
  }

  #onAdmitted(shards: number, newEpoch: boolean): void {
    while (this.#shards.length < shards) this.#shards.push(this.#newShard(this.#shards.length));
    for (const shard of this.#shards) shard.wake(newEpoch);
    for (const proceed of this.#waitingForAdmission) proceed();
  }

  /**
   * A process that is started again listens before Redis was admitted, and a balancer that has not noticed that it was
   * away sends it requests at once: they wait a moment, as all do while Redis is away.
   */
  #firstAdmission(): Promise<void> {
    return new Promise((resolve) => {
      const proceed = (): void => {
        clearTimeout(timer);
        this.#waitingForAdmission.delete(proceed);
        resolve();
      };
      const timer = setTimeout(proceed, bounds.first_admission_milliseconds_max);
      this.#waitingForAdmission.add(proceed);
    });
  }

  /** @param outcome what is known of the request where the shard cannot be asked */
  #shard(spread: number, outcome: LedgerUnavailable["outcome"] = "none"): Shard {
    const shard = this.#shards[spread % Math.max(1, this.#shards.length)];
    if (this.#closed) throw new LedgerUnavailable("the ledger is closed", outcome);
    if (shard === undefined) throw new LedgerUnavailable("the ledger is not ready yet", outcome);
    return shard;
  }

  async #keptHistory(id: number, before: number | null, count: number): ReturnType<BooksReader["history"]> {
    try {
      return await this.#books.history(id, before, count);
    } catch (error) {
      throw new LedgerUnavailable("the books in PostgreSQL cannot be read", "none", { cause: error });
    }
  }

  /** The account's entries behind the newest kept one, newest first: from its statement, or else from the outbox. */
  async #unkeptEntries(
    shard: Shard,
    { account, entries }: AccountSnapshot,
    keptSeq: number,
  ): Promise<readonly Entry[]> {
    const oldest = entries.at(-1);
    const unkept = (entry: Entry): boolean => entry.account === account.id && entry.seq > keptSeq;
    if (oldest === undefined || oldest.seq <= keptSeq + 1) return entries.filter(unkept);
    return (await shard.outboxEntries()).filter(unkept).toReversed();
  }
}
