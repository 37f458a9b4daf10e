import type { Sql } from "../../keep/postgres-client.ts";
import { integers } from "../../keep/pg-array.ts";
import { bounds } from "../../bounds.ts";
import { inSnapshot, type Snapshot } from "../books/books-snapshot.ts";
import type { BooksMetadata } from "../books/books-metadata.ts";
import { type CompareFeed, compareWithBooks } from "../feed/compare-feed.ts";
import { expectedAccounts, quote } from "../expected-accounts.ts";
import type { QueryBooks } from "../events.ts";
import type { Findings } from "../findings.ts";
import { requireReachable, POSTGRES } from "../unreachable-server.ts";
import { reportLostBatchFlag } from "./lost-batch-flag.ts";
import type { OutboxSpill, OutboxEvent } from "../spill/outbox-spill.ts";
import { compareAccount } from "./compare-redis-account.ts";
import type { ReadResult, Head, RedisReader } from "./redis-reader.ts";
import { type ProgressEstimate, COMPARISON_COST } from "../progress-estimate.ts";

export interface CompareChangingOptions {
  readonly sql: Sql;
  readonly queryBooks: QueryBooks;
  readonly redis: RedisReader;
  readonly system: BooksMetadata;
  readonly shard: number;
  readonly outbox: OutboxSpill;
  readonly feed: CompareFeed;
  readonly findings: Findings;
  readonly progress: ProgressEstimate;
}

/** One moment of the books and what was read of Redis before it; `headAfter` was read after it. */
interface PointInTime {
  readonly books: Snapshot;
  readonly head: Head;
  readonly headAfter: Head;
  readonly cursor: number;
  readonly seenG: number;
}

const PAGES_BETWEEN_COLLECTIONS = 10;

/**
 * Compares a shard's accounts that change with Redis, its outbox and the books, some at a time. Each time Redis comes
 * first, then the rest of its outbox, and then a later moment of the books: it has everything that the outbox no longer
 * had. What was read of the outbox stays aside, so that it is read once.
 *
 * With the first ones the outbox and the feed are compared as a whole. Accounts that the outbox changes, and that are not
 * among those that were given, come last.
 */
export class CompareChangingAccounts {
  readonly #options: CompareChangingOptions;
  readonly #findings: Findings;
  #outboxEntries = 0;
  /** Of the first moment: batches up to it were held against the books then. */
  #firstCursor: number | null = null;

  constructor(options: CompareChangingOptions) {
    this.#options = options;
    this.#findings = options.findings;
  }

  /** That the books did not have at the first moment. */
  get outboxEntries(): number {
    return this.#outboxEntries;
  }

  async compare(changing: readonly number[]): Promise<void> {
    const { outbox, progress } = this.#options;
    const some = bounds.audit_moving_accounts;
    progress.plan(changing.length * COMPARISON_COST);
    // At least once: the outbox is held against the books even where nothing moves.
    for (let at = 0; at === 0 || at < changing.length; at += some) {
      if (!(await this.#compareSome(changing.slice(at, at + some)))) return;
    }
    const compared = new Set(changing);
    const others = outbox.accountsAfter(this.#firstCursor ?? 0).filter((account) => !compared.has(account));
    progress.plan(others.length * COMPARISON_COST);
    for (let at = 0; at < others.length; at += some) {
      if (!(await this.#compareSome(others.slice(at, at + some)))) return;
    }
  }

  /** @returns whether Redis is still the one that it was */
  async #compareSome(accounts: readonly number[]): Promise<boolean> {
    const { redis, sql, system, shard, progress } = this.#options;
    const kept = await this.#keptSeqs(accounts);
    const found = await redis.read(system.epoch, shard, accounts);
    const head = await redis.head(shard);
    await this.#readOutbox();
    const compareAll = async (books: Snapshot): Promise<boolean> => {
      const again = await redis.read(system.epoch, shard, accounts);
      const headAfter = await redis.head(shard);
      const isAnother = head?.epoch !== system.epoch || headAfter?.epoch !== system.epoch;
      if (!isAnother && reportLostBatchFlag(shard, headAfter, this.#findings)) return false;
      if (isAnother || found === null || again === null) {
        const detail = `shard ${shard} in Redis became another one during the audit`;
        this.#findings.add("redis-other", null, null, detail);
        return false;
      }
      const pointInTime = { books, head, headAfter, ...(await cursorOf(books, shard)) };
      const wanted = accounts.map((account, index) => ({ account, seq: seqOf(found[index]) }));
      const expected = await expectedAccounts(
        books,
        wanted,
        this.#outboxEventsOf(accounts, pointInTime),
        this.#findings,
      );
      for (const [index, account] of accounts.entries()) {
        const keptSeq = kept.get(account) ?? null;
        const observed = {
          account,
          keptSeq,
          found: found[index] ?? "missing",
          again: again[index] ?? "missing",
        };
        compareAccount(observed, expected.get(account), this.#findings);
      }
      if (this.#firstCursor === null) await this.#compareWhole(pointInTime);
      else await this.#compareKeptSince(accounts, this.#firstCursor, pointInTime);
      return true;
    };
    const same = await requireReachable(POSTGRES, inSnapshot(sql, compareAll));
    progress.did(accounts.length * COMPARISON_COST);
    return same;
  }

  /** The accounts as the books have them by now: what Redis shows next may not be older than that. */
  async #keptSeqs(accounts: readonly number[]): Promise<Map<number, number>> {
    const rows = await this.#options.queryBooks(
      "SELECT account, seq FROM accounts WHERE account = ANY($1::text::bigint[])",
      [integers(accounts, (account) => account)],
    );
    return new Map(rows.map((row) => [Number(row["account"]), Number(row["seq"])]));
  }

  /** Everything that is in the outbox by now and was not read yet, and maybe what comes meanwhile. */
  async #readOutbox(): Promise<void> {
    const { redis, shard, outbox } = this.#options;
    const length = bounds.audit_chunk_batches;
    for (let pages = 1; ; pages += 1) {
      const page = await redis.outbox(shard, outbox.lastG + 1, length);
      outbox.take(page);
      // As for the rows of the books, see binary-copy-reader.ts.
      if (pages % PAGES_BETWEEN_COLLECTIONS === 0) Bun.gc(true);
      if (page.length < length) return;
    }
  }

  *#outboxEventsOf(accounts: readonly number[], { cursor }: PointInTime): Iterable<OutboxEvent> {
    const { outbox } = this.#options;
    for (const account of accounts) yield* outbox.eventsOf(account, cursor, outbox.lastG);
  }

  /** What the books have kept since the first moment: behind that it waited, so that nobody has held it against them. */
  async #compareKeptSince(
    accounts: readonly number[],
    since: number,
    { books, cursor }: PointInTime,
  ): Promise<void> {
    const { outbox } = this.#options;
    let kept: { readonly g: number; readonly events: readonly string[] }[] = [];
    const compareKept = (): Promise<void> =>
      compareWithBooks("the outbox", kept, books.query, this.#findings);
    for (const account of accounts) {
      for (const { g, text } of outbox.eventsOf(account, since, cursor)) {
        kept.push({ g, events: [text] });
        if (kept.length < bounds.audit_moving_accounts) continue;
        await compareKept();
        kept = [];
      }
    }
    await compareKept();
  }

  async #compareWhole(pointInTime: PointInTime): Promise<void> {
    const { shard, outbox, feed } = this.#options;
    const { books, headAfter, cursor } = pointInTime;
    this.#firstCursor = cursor;
    this.#outboxEntries = outbox.entriesAfter(cursor);
    for (const { g, text } of outbox.malformedAfter(cursor)) {
      const detail = `batch ${g} of the outbox holds what is no event: ${quote(text)}`;
      this.#findings.add("outbox-gap", null, null, detail);
    }
    this.#compareCursor(pointInTime);
    await this.#compareNumbers(pointInTime);
    for (const page of outbox.pagesUpTo(cursor)) {
      await compareWithBooks("the outbox", page, books.query, this.#findings);
    }
    await feed.finish({ shard, cursor, outbox, headG: headAfter.g }, books.query);
  }

  #compareCursor({ head, headAfter, cursor, seenG }: PointInTime): void {
    const { shard, outbox } = this.#options;
    const findings = this.#findings;
    if (headAfter.g < cursor) {
      const detail = `shard ${shard} in Redis ends at batch ${headAfter.g}, the books have ${cursor}`;
      findings.add("redis-older", null, null, detail);
    } else if (headAfter.g < seenG) {
      const detail =
        `shard ${shard} in Redis ends at batch ${headAfter.g}, up to ${seenG} was answered, as the books have noted; ` +
        "no API becomes ready: give Redis its data back, or run razonete restore";
      findings.add("redis-older", null, null, detail);
    }
    let expected = cursor + 1;
    const gap = (to: number): void => {
      const which = to === expected ? `batch ${to} is` : `batches ${expected} to ${to} are`;
      const detail = `${which} neither in the outbox nor in the books (shard ${shard})`;
      findings.add("outbox-gap", null, null, detail);
    };
    for (const g of outbox.batchNumbersAfter(cursor)) {
      if (g > expected) gap(g - 1);
      expected = g + 1;
    }
    if (head.g >= expected) gap(head.g);
  }

  /** Redis gives out the numbers of accounts: it may hold none that neither the books nor the outbox know. */
  async #compareNumbers({ books, head, headAfter, cursor }: PointInTime): Promise<void> {
    const { redis, system, shard, outbox } = this.#options;
    const { shards } = system;
    const [row] = await books.query(
      `SELECT max(account)::text AS last FROM accounts WHERE account % ${shards} = ${shard}`,
    );
    const last = Math.max(Number(row?.["last"] ?? 0), outbox.lastOpenedAfter(cursor, { shard, shards }));
    const unaccounted: number[] = [];
    const first = last === 0 ? shard || shards : last + shards;
    for (
      let number = first;
      number < head.next && unaccounted.length < bounds.audit_rows_named_max;
      number += shards
    )
      unaccounted.push(number);
    const found = await redis.read(system.epoch, shard, unaccounted);
    for (const [index, account] of unaccounted.entries()) {
      if (found?.[index] === "missing") continue;
      const detail = "Redis has the account, neither the books nor the outbox do";
      this.#findings.add("redis-differs", account, null, detail);
    }
    if (headAfter.next <= last) {
      const detail = `the next account that Redis opens is ${headAfter.next}, which is there already`;
      this.#findings.add("redis-differs", headAfter.next, null, detail);
    }
  }
}

/** Books that are older than the column have noted nothing. */
async function cursorOf(books: Snapshot, shard: number): Promise<{ cursor: number; seenG: number }> {
  const [row] = await books.query(
    `SELECT last_g, to_jsonb(c) ->> 'seen_g' AS seen_g FROM cursors AS c WHERE shard = ${shard}`,
  );
  return { cursor: Number(row?.["last_g"] ?? 0), seenG: Number(row?.["seen_g"] ?? 0) };
}

function seqOf(found: ReadResult | undefined): number {
  if (found === undefined || typeof found === "string" || "unreadable" in found) return 0;
  const seq = Number(found.seq);
  return Number.isSafeInteger(seq) && seq > 0 ? seq : 0;
}
