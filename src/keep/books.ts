import assert from "node:assert";
import type { Batch } from "../carry/batch.ts";
import type { BooksFence, BooksReader, KeptEntries } from "../decide/ports.ts";
import type { Account, AccountId, Micros } from "../ledger/account.ts";
import type { LedgerEvent } from "../ledger/event.ts";
import type {
  AccountFilter,
  BalanceAt,
  EntriesPage,
  HoldFilter,
  Listed,
  ListPage,
  TransactionFilter,
} from "../ledger/ledger.ts";
import type { EventId, Hold, Transaction } from "../ledger/transaction.ts";
import type { AttemptId, PartEvent } from "../ledger/transit.ts";
import { readEndOfPart } from "./transits/end-of-part.ts";
import { bounds } from "../bounds.ts";
import { readBalanceAt, readBatch, readEntries, readTotals } from "./book-entries.ts";
import { listHolds, readHold } from "./book-holds.ts";
import { listAccounts, listTransactions, readReversalOf } from "./book-lists.ts";
import { codeOf, type PoolOptions, connectPostgres, type Sql } from "./postgres-client.ts";
import { Divergence } from "./divergence.ts";
import { readEndingHolds } from "./hold-changes.ts";
import { netChanges } from "./net-changes.ts";
import { endedAttempts, readEndingParts } from "./transits/ending-parts.ts";
import { withTimeout } from "./query-timeout.ts";
import { callKeepBatches } from "./call-keep-batches.ts";
import { journalRows } from "./journal-rows.ts";
import { missingEvents } from "./missing-events.ts";
import { readPostgresFault } from "./postgres-settings.ts";
import { commitOnStandbys, isCancelledWait } from "./standby/standby-proof.ts";

/** `gap`: the batches do not follow the cursor, and nothing was kept. `lastG` is the cursor in both cases. */
export type Kept =
  | { readonly type: "kept"; readonly lastG: number; readonly entries: number }
  | { readonly type: "gap"; readonly lastG: number };

/**
 * The books in PostgreSQL. If PostgreSQL cannot be reached or does not answer in time, every method rejects with the
 * error that postgres.js throws. The methods work again as soon as PostgreSQL does.
 */
export class Books implements BooksReader {
  readonly #poolOptions: PoolOptions;
  /** By shard: where its journal ended when this object last kept something. */
  readonly #ends = new Map<number, JournalEnd>();
  readonly #standbys_min: number;
  /** How often PostgreSQL has said that it did not wait for standbys to the end. */
  #cancelledWaits = 0;
  #sql: Sql;

  /** @param standbys_min a commit has to wait for so many standbys: else {@link settingsFault} says so. Default: 0 */
  constructor({ standbys_min = 0, ...pool }: PoolOptions & { readonly standbys_min?: number }) {
    const onNotice = (notice: Parameters<typeof isCancelledWait>[0]): void => {
      if (isCancelledWait(notice)) this.#cancelledWaits += 1;
    };
    this.#standbys_min = standbys_min;
    this.#poolOptions = { ...pool, onNotice };
    this.#sql = connectPostgres(this.#poolOptions);
  }

  /**
   * Keeps batches of one shard, in the order of g, in one transaction. Batches that are already kept are skipped. Two
   * callers at once do no harm: the row lock of the cursor lets in one after the other, and the second one skips.
   *
   * @throws Divergence if the batches do not continue what the books have; then nothing was kept
   */
  async keep(shard: number, batches: readonly Batch[]): Promise<Kept> {
    const known = this.#ends.get(shard);
    let end = known?.g === (batches[0]?.g ?? 0) - 1 ? known : await this.#readEnd(shard);
    for (;;) {
      const rest = inOrder(shard, batches, end.g);
      const [first] = rest;
      if (first === undefined) {
        await this.proveOnStandbys(shard);
        return { type: "kept", lastG: end.g, entries: 0 };
      }
      if (first.g !== end.g + 1) return { type: "gap", lastG: end.g };
      const kept = await this.#keepAll(first, rest, end);
      if (kept !== null) {
        this.#ends.set(shard, kept.end);
        return { type: "kept", lastG: kept.end.g, entries: kept.entries };
      }
      end = await this.#readEnd(shard);
    }
  }

  /** @returns how many entries were kept; null if the books end elsewhere by now, and nothing was kept */
  async #keepAll(
    first: Batch,
    batches: readonly Batch[],
    { hash }: JournalEnd,
  ): Promise<{ entries: number; end: JournalEnd } | null> {
    try {
      const ending = await this.#withTimeout(readEndingHolds(this.#sql, first.shard, batches));
      // Nearly always there are none, and nothing is waited for.
      const parts =
        endedAttempts(batches).size === 0
          ? undefined
          : await this.#withTimeout(readEndingParts(this.#sql, first.shard, batches));
      const changes = netChanges(batches, ending, parts);
      const rows = journalRows(batches, changes.times, hash);
      const end = rows.at(-1);
      assert(end !== undefined);
      const range = { shard: first.shard, epoch: first.epoch, g: first.g, to: end.g };
      const [row] = await this.#confirmed(() => callKeepBatches(this.#sql, range, rows, changes));
      return row?.found === first.g - 1 ? { entries: changes.entries, end } : null;
    } catch (error) {
      if (!(error instanceof Divergence)) throw divergence(error, first) ?? error;
      // Another one may have kept these batches meanwhile, so that holds and parts that they end were not open any more.
      if ((await this.#readEnd(first.shard)).g !== first.g - 1) return null;
      throw error;
    }
  }

  /** @throws Divergence if the journal lacks the row at the cursor */
  async #readEnd(shard: number): Promise<JournalEnd> {
    const [row] = await this.#withTimeout(
      this.#sql<{ g: number; hash: Uint8Array | null }[]>`
        SELECT c.last_g AS g, j.hash
        FROM cursors AS c LEFT JOIN journal AS j ON j.shard = c.shard AND j.g = c.last_g
        WHERE c.shard = ${shard}`,
    );
    assert(row !== undefined, `the books have no shard ${shard}`);
    const { g, hash } = row;
    if (hash === null) throw new Divergence({ shard, g }, "the journal has no such row");
    return { g, hash };
  }

  /** `null` if there are no books yet. */
  async fence(): Promise<BooksFence | null> {
    try {
      const [row] = await this.#withTimeout(
        this.#sql<(Omit<BooksFence, "lastG" | "seenG"> & { cursors: string; seen: string })[]>`
          SELECT s.epoch, s.loaded, s.shards, c.cursors, c.seen,
            EXISTS (SELECT FROM restores WHERE finished_at IS NULL) AS "isRestoring"
          FROM system AS s, (
            SELECT string_agg(last_g::text, ' ' ORDER BY shard) AS cursors,
              string_agg(seen_g::text, ' ' ORDER BY shard) AS seen
            FROM cursors
          ) AS c`,
      );
      if (row === undefined) return null;
      const { cursors, seen, ...system } = row;
      return { ...system, lastG: numbers(cursors), seenG: numbers(seen) };
    } catch (error) {
      if (codeOf(error) === UNDEFINED_TABLE) return null;
      throw error;
    }
  }

  async hasEvent(shard: number, g: number, event: string): Promise<boolean> {
    return (await this.#withTimeout(missingEvents(this.#sql, { shard, g }, [event]))).length === 0;
  }

  settingsFault(durable: boolean): Promise<string | null> {
    return this.#withTimeout(readPostgresFault(this.#sql, durable, this.#standbys_min));
  }

  /**
   * Resolves when standbys have what the books showed until now; see {@link commitOnStandbys}. Does nothing where none is
   * asked for.
   */
  async proveOnStandbys(shard: number): Promise<void> {
    if (this.#standbys_min > 0) await this.#confirmed(() => commitOnStandbys(this.#sql, shard));
  }

  async noteSeen(epoch: string, shard: number, g: number): Promise<void> {
    await this.#withTimeout(this.#sql`SELECT note_seen(${shard}, ${epoch}, ${g})`);
  }

  entries(account: AccountId, page: EntriesPage): Promise<KeptEntries> {
    return this.#withTimeout(readEntries(this.#sql, account, page));
  }

  batch(shard: number, g: number): Promise<readonly LedgerEvent[] | null> {
    return this.#withTimeout(readBatch(this.#sql, shard, g));
  }

  endOfPart(shard: number, attempt: AttemptId): Promise<PartEvent | null> {
    return this.#withTimeout(readEndOfPart(this.#sql, shard, attempt));
  }

  hold(id: EventId): Promise<Hold | null> {
    return this.#withTimeout(readHold(this.#sql, id));
  }

  reversalOf(id: EventId): Promise<EventId | null> {
    return this.#withTimeout(readReversalOf(this.#sql, id));
  }

  balanceAt(account: AccountId, time: Micros): Promise<BalanceAt | null> {
    return this.#withTimeout(readBalanceAt(this.#sql, account, time));
  }

  accounts(filter: AccountFilter, page: ListPage): Promise<Listed<Account>> {
    return this.#withTimeout(listAccounts(this.#sql, filter, page));
  }

  transactions(filter: TransactionFilter, page: ListPage): Promise<Listed<Transaction>> {
    return this.#withTimeout(listTransactions(this.#sql, filter, page));
  }

  holds(filter: HoldFilter, page: ListPage): Promise<Listed<Hold>> {
    return this.#withTimeout(listHolds(this.#sql, filter, page));
  }

  totals(): ReturnType<BooksReader["totals"]> {
    return this.#withTimeout(readTotals(this.#sql));
  }

  /** Lets queries in flight finish, within the time-out of a statement. */
  async close(): Promise<void> {
    await this.#sql.end({ timeout: bounds.books_answer_milliseconds_max / 1000 });
  }

  /** @throws Error if PostgreSQL did not wait for standbys to the end; what was committed stays */
  async #confirmed<T>(commit: () => PromiseLike<T>): Promise<T> {
    const cancelled = this.#cancelledWaits;
    const answer = await this.#withTimeout(commit());
    if (this.#cancelledWaits !== cancelled) throw new Error("the wait for a standby was cancelled");
    return answer;
  }

  async #withTimeout<T>(query: PromiseLike<T>): Promise<T> {
    const sql = this.#sql;
    const giveUp = (): void => {
      // Another query may have replaced the pool already.
      if (this.#sql === sql) this.#sql = connectPostgres(this.#poolOptions);
      sql.end({ timeout: 0 }).catch(() => {});
    };
    return withTimeout(query, giveUp, this.#poolOptions.answer_milliseconds_max);
  }
}

/** The last row of a shard's journal, which is at the cursor. */
interface JournalEnd {
  readonly g: number;
  readonly hash: Uint8Array;
}

function numbers(text: string): number[] {
  return text.split(" ").map(Number);
}

const UNDEFINED_TABLE = "42P01";

/** The batches after `lastG`, without duplicates. @throws AssertionError if they are not consecutive */
function inOrder(shard: number, batches: readonly Batch[], lastG: number): Batch[] {
  const rest: Batch[] = [];
  let previous = lastG;
  for (const batch of batches) {
    assert(batch.shard === shard && batch.epoch === batches[0]?.epoch, "batches of one shard and one epoch");
    if (batch.g <= previous) continue;
    assert(rest.length === 0 || batch.g === previous + 1, `batch ${batch.g} does not follow ${previous}`);
    rest.push(batch);
    previous = batch.g;
  }
  return rest;
}

/** An error of PostgreSQL about rows that do not fit, as a divergence; `null` if it is another error. */
function divergence(error: unknown, { shard, g }: Batch): Divergence | null {
  const code = codeOf(error);
  // RZ001 is our own code. Class 23 is a violated constraint (a row that already exists, a passed limit), 22 bad data.
  if (!(error instanceof Error) || !/^(RZ001$|23|22)/.test(code)) return null;
  // The key of a row of the journal is a shard and g, which are known already.
  const isJournal = "table_name" in error && error.table_name === "journal";
  const detail = !isJournal && "detail" in error && typeof error.detail === "string" ? error.detail : "";
  const [account, seq] = (/\(account, seq\)=\((\S+), (\d+)\)|^(\S+) (\d+)$/.exec(detail) ?? [])
    .slice(1)
    .filter((group) => group !== undefined);
  const place =
    account === undefined || seq === undefined ? { shard, g } : { shard, g, account, seq: Number(seq) };
  return new Divergence(place, error.message);
}
