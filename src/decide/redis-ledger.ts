import type { Account, AccountId } from "../ledger/account.ts";
import { shardOf } from "../ledger/account-id.ts";
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
  /** False accepts a Redis that answers before it has synced to disk. */
  readonly durable: boolean;
  /** Called with one line whenever its readiness changes, and for each new reason why it is not ready. */
  readonly onOutage?: (message: string) => void;
}

const HISTORY_ATTEMPTS_MAX = 5;

/**
 * The ledger of the cluster, as one API process uses it. Redis decides commands, in one function call for each batch.
 * The books in PostgreSQL have the history. Any number of API processes may run at once.
 */
export class RedisLedger implements Ledger {
  readonly #books: BooksReader;
  readonly #link: RedisLink;
  readonly #balancerResends: boolean;
  readonly #newShard: (number: number) => Shard;
  readonly #onOutage: (message: string) => void;
  readonly #checks: ReturnType<typeof setInterval>;
  /** When the last check was, in milliseconds of `performance.now`. */
  #checkedAt = performance.now();
  #checksToSkip = 0;
  /** The reasons that were reported since this ledger was last ready. That a start is not ready at once is none. */
  readonly #reported = new Set<string>();
  #reportedRefusal: string | null = null;
  /** Empty until Redis is admitted for the first time; after that their number never changes. */
  readonly #shards: Shard[] = [];
  /**
   * Requests that came before Redis was first admitted; calling one ends its wait. One promise shared by all of them
   * would keep a reaction for each request that has given up.
   */
  readonly #waitingForAdmission = new Set<() => void>();
  #closed = false;

  constructor(options: RedisLedgerOptions) {
    const { redisUrl: url, books, durable } = options;
    this.#books = books;
    this.#balancerResends = options.balancerResends;
    this.#onOutage = options.onOutage ?? (() => {});
    this.#link = new RedisLink({
      url,
      books,
      durable,
      onAdmitted: (...admitted) => this.#onAdmitted(...admitted),
    });
    this.#newShard = (number) => new Shard(number, this.#link, options);
    const state = this.readiness();
    if (!state.ready) this.#reported.add(state.reason);
    this.#checks = setInterval(() => {
      this.#reportChange();
      this.#checkDeadlines();
    }, bounds.deadline_check_milliseconds);
  }

  async submit(command: Command): Promise<Outcome> {
    if (this.#shards.length === 0) await this.#firstAdmission();
    // An account that is yet to be opened has no id. Its command's id chooses the shard, so that the same command sent
    // again goes to the same shard.
    const spread = command.type === "open" ? command.id : command.account;
    return this.#shard(spread, this.#balancerResends ? "unknown" : "none").submit(command);
  }

  async account(id: AccountId): Promise<Account | null> {
    if (this.#shards.length === 0) await this.#firstAdmission();
    return (await this.#shard(id).read("account", id))?.account ?? null;
  }

  async statement(id: AccountId): Promise<Statement | null> {
    if (this.#shards.length === 0) await this.#firstAdmission();
    return this.#shard(id).read("statement", id);
  }

  /**
   * Reads the history from the books, and from Redis the entries that are not in the books yet. Redis is read first:
   * entries that the writer keeps and removes from the outbox after that are in the books by the time they are read.
   */
  async history(id: AccountId, { count, before }: HistoryPage): Promise<readonly Entry[] | null> {
    if (this.#shards.length === 0) await this.#firstAdmission();
    const shard = this.#shard(id);
    for (let attempt = 0; attempt < HISTORY_ATTEMPTS_MAX; attempt += 1) {
      const snapshot = await shard.read("statement", id);
      if (snapshot === null) return null;
      const newest = Math.min(snapshot.account.seq, before === null ? Number.MAX_SAFE_INTEGER : before - 1);
      const kept = await this.#keptHistory(id, before, count);
      const unkept = kept.keptSeq < newest ? await this.#unkeptEntries(shard, snapshot, kept.keptSeq) : [];
      const page = [...unkept, ...kept.entries].filter((entry) => entry.seq <= newest).slice(0, count);
      // Missing entries were moved to the books between the two reads: the next attempt finds them there.
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
    clearInterval(this.#checks);
    this.#link.close();
    for (const shard of this.#shards) shard.abandon("the ledger is closed");
  }

  /**
   * Gives up the requests whose deadline has passed. But if this process stood still, Redis may have answered them in
   * the meantime, and timers come before what waits in a socket. So it reads first. (Only once in a row: a process that
   * always lacks CPU gives up, too.)
   */
  #checkDeadlines(): void {
    const now = performance.now();
    const stoodStill = now - this.#checkedAt > 2 * bounds.deadline_check_milliseconds;
    this.#checkedAt = now;
    if (this.#checksToSkip > 0) this.#checksToSkip -= 1;
    else if (stoodStill) this.#checksToSkip = bounds.deadline_checks_skipped;
    if (this.#checksToSkip > 0) return;
    for (const shard of this.#shards) shard.expire(now);
  }

  #reportChange(): void {
    const state = this.readiness();
    if (!state.ready && !this.#reported.has(state.reason)) {
      this.#reported.add(state.reason);
      this.#onOutage(`not ready: ${state.reason}`);
    } else if (state.ready && this.#reported.size > 0) {
      this.#reported.clear();
      this.#onOutage("ready");
    }
    const { refusal } = this.#link;
    if (state.ready && (refusal === null) !== (this.#reportedRefusal === null)) {
      this.#reportedRefusal = refusal;
      this.#onOutage(
        refusal === null ? "Redis takes transactions again" : `Redis refuses transactions: ${refusal}`,
      );
    }
  }

  #onAdmitted(shards: number, newEpoch: boolean): void {
    while (this.#shards.length < shards) this.#shards.push(this.#newShard(this.#shards.length));
    for (const shard of this.#shards) shard.wake(newEpoch);
    for (const proceed of this.#waitingForAdmission) proceed();
  }

  /**
   * Waits until Redis is admitted for the first time, but not long. A restarted process listens before that, and a
   * balancer that has not noticed the restart sends it requests at once. They wait, as all requests do while Redis is
   * away.
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

  /** @param outcome what to report about the request if its shard cannot be used */
  #shard(account: AccountId, outcome: LedgerUnavailable["outcome"] = "none"): Shard {
    const shard = this.#shards[shardOf(account, Math.max(1, this.#shards.length))];
    if (this.#closed) throw new LedgerUnavailable("the ledger is closed", outcome);
    if (shard === undefined) throw new LedgerUnavailable(this.#link.trouble, outcome);
    return shard;
  }

  async #keptHistory(
    id: AccountId,
    before: number | null,
    count: number,
  ): ReturnType<BooksReader["history"]> {
    try {
      return await this.#books.history(id, before, count);
    } catch (error) {
      throw new LedgerUnavailable("the books in PostgreSQL cannot be read", "none", { cause: error });
    }
  }

  /** The account's entries after the newest kept one, newest first: from its statement, or else from the outbox. */
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
