import type { Sql } from "../../keep/postgres-client.ts";
import { openPartsInSql } from "../../keep/transits/in-transit.ts";
import { withSpillDatabase } from "../spill/spill-database.ts";
import type { Row } from "../books/books-snapshot.ts";
import type { KnownAccounts } from "../books/known-accounts.ts";
import type { BooksMetadata } from "../books/books-metadata.ts";
import type { AwaitedSide } from "../books/books-transits.ts";
import { accountsOf, moveKeyOf, parseDecision } from "../events.ts";
import { CompareFeed } from "../feed/compare-feed.ts";
import { CompareAllAccounts } from "./compare-all-accounts.ts";
import { CompareMoves } from "./compare-moves.ts";
import { CompareChangingAccounts } from "./compare-changing-accounts.ts";
import { readFeed } from "../feed/stream-reader.ts";
import type { Findings } from "../findings.ts";
import { requireReachable, NATS, POSTGRES } from "../unreachable-server.ts";
import { reportLostBatchFlag } from "./lost-batch-flag.ts";
import { KeySpill } from "../spill/key-spill.ts";
import { OutboxSpill } from "../spill/outbox-spill.ts";
import { eventsSince } from "./events-since.ts";
import type { RedisReader } from "./redis-reader.ts";
import type { ProgressEstimate } from "../progress-estimate.ts";

export interface CompareOptions {
  readonly sql: Sql;
  readonly redis: RedisReader;
  readonly system: BooksMetadata;
  readonly findings: Findings;
  /** What the books were found to have. */
  readonly known: KnownAccounts;
  /** What they did not have of transactions across shards, see checkTransits. */
  readonly awaited: readonly AwaitedSide[];
  /** In which the comparison of all accounts is already planned. */
  readonly progress: ProgressEstimate;
}

export interface Compared {
  readonly outboxEntries: number;
  readonly feedBatches: number;
  readonly statements: number;
}

/**
 * Compares Redis and the feed with the books. Most accounts do not change during their comparison. The others are
 * compared again, together with the outbox. The comparison relies on the order in which the sources are read; see
 * {@link auditCluster}.
 */
export class CompareRedis {
  readonly #options: CompareOptions;
  readonly #findings: Findings;

  constructor(options: CompareOptions) {
    this.#options = options;
    this.#findings = options.findings;
  }

  async compare(natsUrl: string | null): Promise<Compared> {
    const shards: number[] = [];
    for (let shard = 0; shard < this.#options.system.shards; shard += 1) {
      if (await this.#isComparable(shard)) shards.push(shard);
    }
    return withSpillDatabase(async (spill) => {
      const shared = { ...this.#options, queryBooks: this.#queryBooks, shards };
      const moves = new CompareMoves({ ...shared, changing: new KeySpill(spill, "changing_moves") });
      await moves.compareKept();
      const changing = new KeySpill(spill, "changing");
      const all = new CompareAllAccounts({
        ...shared,
        changing,
        onMove: (key) => moves.take(key),
      });
      await all.compare();
      for (const shard of shards) await this.#addKeptSince(shard, changing, moves);
      const feed = new CompareFeed(this.#options.system.epoch, this.#findings, spill);
      if (natsUrl !== null) {
        await requireReachable(
          NATS,
          readFeed(natsUrl, (messages) => feed.take(messages, this.#queryBooks)),
        );
      }
      let outboxEntries = 0;
      for (const shard of shards) {
        const outbox = new OutboxSpill(spill, shard);
        const comparison = new CompareChangingAccounts({
          ...this.#options,
          queryBooks: this.#queryBooks,
          shard,
          changing,
          outbox,
          feed,
        });
        await comparison.compare();
        outboxEntries += comparison.outboxEntries;
        await moves.compareChanging(shard, outbox);
      }
      await this.#options.redis.requireSameNodes();
      return { outboxEntries, feedBatches: feed.compared, statements: all.statements };
    });
  }

  /**
   * Adds what the books have kept since they were read for the first time. What Redis showed as it was then may have been
   * right, and may have been left behind. And the accounts of open parts: what these set aside is in no row of the books.
   */
  async #addKeptSince(shard: number, changing: KeySpill, moves: CompareMoves): Promise<void> {
    const { known, system } = this.#options;
    const since = system.cursors.get(shard) ?? 0;
    for await (const { event, place } of eventsSince(this.#queryBooks, shard, since)) {
      for (const account of accountsOf(event)) if (known.wasSame(account)) changing.add(shard, account);
      const key = moveKeyOf(event, place);
      if (key !== null) moves.add(shard, key);
    }
    for (const { text } of await this.#queryBooks(openPartsInSql(shard), [])) {
      const event = parseDecision(String(text));
      for (const account of event === null ? [] : accountsOf(event)) changing.add(shard, account);
    }
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

  readonly #queryBooks = (query: string, parameters: readonly (string | number | null)[]): Promise<Row[]> =>
    requireReachable(POSTGRES, this.#options.sql.unsafe<Row[]>(query, [...parameters], { prepare: true }));
}
