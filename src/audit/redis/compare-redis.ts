import type { Sql } from "../../keep/postgres-client.ts";
import { integers } from "../../keep/pg-array.ts";
import { bounds } from "../../bounds.ts";
import { withSpillDatabase } from "../spill/spill-database.ts";
import type { Row } from "../books/books-snapshot.ts";
import type { BooksMetadata } from "../books/books-metadata.ts";
import { CompareFeed } from "../feed/compare-feed.ts";
import { CompareChangingAccounts } from "./compare-changing-accounts.ts";
import { EVENT_OF_ENTRY } from "../events.ts";
import { readFeed } from "../feed/stream-reader.ts";
import type { Findings } from "../findings.ts";
import { requireReachable, NATS, POSTGRES } from "../unreachable-server.ts";
import { reportLostBatchFlag } from "./lost-batch-flag.ts";
import { OutboxSpill } from "../spill/outbox-spill.ts";
import type { ReadResult, RedisReader } from "./redis-reader.ts";
import { type ProgressEstimate, COMPARISON_COST } from "../progress-estimate.ts";

export interface CompareOptions {
  readonly sql: Sql;
  readonly redis: RedisReader;
  readonly system: BooksMetadata;
  readonly findings: Findings;
  /** In which the comparison of all accounts is already planned. */
  readonly progress: ProgressEstimate;
}

export interface Compared {
  readonly outboxEntries: number;
  readonly feedBatches: number;
  readonly statements: number;
}

const CHUNKS_BETWEEN_COLLECTIONS = 40;

/**
 * Compares Redis and the feed with the books. Most accounts do not change during their comparison, and one comparison is
 * enough. The others are compared again, together with the outbox. The comparison relies on the order in which the
 * sources are read; see {@link auditCluster}.
 */
export class CompareRedis {
  readonly #options: CompareOptions;
  readonly #findings: Findings;
  /** For each shard, the accounts that are to be compared together with the outbox. */
  readonly #changing = new Map<number, number[]>();
  #statements = 0;

  constructor(options: CompareOptions) {
    this.#options = options;
    this.#findings = options.findings;
  }

  async compare(natsUrl: string | null): Promise<Compared> {
    const shards: number[] = [];
    for (let shard = 0; shard < this.#options.system.shards; shard += 1) {
      if (await this.#isComparable(shard)) shards.push(shard);
    }
    for (const shard of shards) await this.#compareAll(shard);
    return withSpillDatabase(async (spill) => {
      const feed = new CompareFeed(this.#options.system.epoch, this.#findings, spill);
      if (natsUrl !== null) {
        await requireReachable(
          NATS,
          readFeed(natsUrl, (messages) => feed.take(messages, this.#queryBooks)),
        );
      }
      let outboxEntries = 0;
      for (const shard of shards) {
        const outbox = new OutboxSpill(spill);
        const comparison = new CompareChangingAccounts({
          ...this.#options,
          queryBooks: this.#queryBooks,
          shard,
          outbox,
          feed,
        });
        await comparison.compare(this.#changing.get(shard) ?? []);
        outboxEntries += comparison.outboxEntries;
      }
      return { outboxEntries, feedBatches: feed.compared, statements: this.#statements };
    });
  }

  /** Whether Redis has the shard in the epoch of the books. Another ledger's data is not read any further. */
  async #isComparable(shard: number): Promise<boolean> {
    const { redis, system } = this.#options;
    const head = await redis.head(shard);
    if (head === null) {
      this.#findings.add("redis-other", null, null, `Redis holds nothing of shard ${shard}`);
      return false;
    }
    if (head.epoch !== system.epoch) {
      const detail = `shard ${shard} in Redis is of epoch ${head.epoch}, the books are of ${system.epoch}`;
      this.#findings.add("redis-other", null, null, detail);
      return false;
    }
    return !reportLostBatchFlag(shard, head, this.#findings);
  }

  /** Compares the accounts in the books, in chunks. A few chunks run at once, so that Redis and PostgreSQL are both busy. */
  async #compareAll(shard: number): Promise<void> {
    const { shards } = this.#options.system;
    const running = new Set<Promise<void>>();
    let last = 0;
    let chunks = 0;
    for (;;) {
      const rows = await this.#queryBooks(
        `SELECT account FROM accounts WHERE account > $1::text::bigint AND account % ${shards} = ${shard}
         ORDER BY account LIMIT ${bounds.audit_chunk_accounts}`,
        [String(last)],
      );
      const chunk = rows.map((row) => Number(row["account"]));
      if (chunk.length === 0) break;
      last = chunk.at(-1) ?? last;
      chunks += 1;
      // As for the rows of the books, see binary-copy-reader.ts.
      if (chunks % CHUNKS_BETWEEN_COLLECTIONS === 0) Bun.gc(true);
      const done = this.#compareChunk(shard, chunk)
        .then(() => this.#options.progress.did(chunk.length * COMPARISON_COST))
        .finally(() => running.delete(done));
      // Promise.all below rejects with the first failure; this keeps the others from being unhandled.
      done.catch(() => {});
      running.add(done);
      if (running.size >= bounds.audit_chunks_at_once_max) await Promise.race(running);
    }
    await Promise.all(running);
  }

  async #compareChunk(shard: number, accounts: readonly number[]): Promise<void> {
    const found = await this.#options.redis.read(this.#options.system.epoch, shard, accounts);
    // This is reported at the end, when Redis is read again.
    if (found === null) return;
    const same = await this.#sameInBooks(accounts, found);
    for (const [index, account] of accounts.entries()) {
      // Counts every statement that was read from Redis.
      if (typeof found[index] === "object") this.#statements += 1;
      if (same.has(account)) continue;
      const changing = this.#changing.get(shard);
      if (changing === undefined) this.#changing.set(shard, [account]);
      else changing.push(account);
    }
  }

  /** The accounts that are exactly the same in the books a moment later, including their statements. */
  async #sameInBooks(accounts: readonly number[], found: readonly ReadResult[]): Promise<Set<number>> {
    const rows = await this.#queryBooks(
      `SELECT a.account, concat_ws(' ', a.seq, a.balance, a.credit_limit, a.name) AS standing, (
         SELECT string_agg(${EVENT_OF_ENTRY}, E'\\n' ORDER BY e.seq DESC) FROM entries AS e
         WHERE e.account = a.account AND e.seq > a.seq - ${bounds.statement_entries_max} AND e.seq <= a.seq
       ) AS statement
       FROM accounts AS a WHERE a.account = ANY($1::text::bigint[])`,
      [integers(accounts, (account) => account)],
    );
    const kept = new Map(
      rows.map((row) => [Number(row["account"]), `${row["standing"]}\n${row["statement"] ?? ""}`]),
    );
    const same = new Set<number>();
    for (const [index, account] of accounts.entries()) {
      const shown = found[index];
      if (shown === undefined || typeof shown === "string" || "unreadable" in shown) continue;
      const standing = [shown.seq, shown.balance, shown.limit, ...(shown.name === "" ? [] : [shown.name])];
      if (kept.get(account) === `${standing.join(" ")}\n${shown.statement.join("\n")}`) same.add(account);
    }
    return same;
  }

  readonly #queryBooks = (query: string, parameters: readonly (string | number | null)[]): Promise<Row[]> =>
    requireReachable(POSTGRES, this.#options.sql.unsafe<Row[]>(query, [...parameters], { prepare: true }));
}
