import assert from "node:assert";
import type { Batch } from "../carry/batch.ts";
import type { BooksFence, BooksReader, KeptHistory } from "../decide/ports.ts";
import type { Entry } from "../ledger/entry.ts";
import { bounds } from "../bounds.ts";
import { codeOf, type PoolOptions, connectPostgres, type Sql } from "./postgres-client.ts";
import { Divergence } from "./divergence.ts";
import { netChanges } from "./net-changes.ts";
import { withTimeout } from "./query-timeout.ts";
import { callKeepBatches } from "./call-keep-batches.ts";
import { missingEvents } from "./missing-events.ts";
import { readPostgresFault } from "./postgres-settings.ts";

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
  #sql: Sql;

  constructor(poolOptions: PoolOptions) {
    this.#poolOptions = poolOptions;
    this.#sql = connectPostgres(poolOptions);
  }

  /**
   * Keeps batches of one shard, in the order of g, in one transaction. Batches that are already kept are skipped. Two
   * callers at once do no harm: the row lock of the cursor lets in one after the other, and the second one skips.
   *
   * @throws Divergence if the batches do not continue what the books have; then nothing was kept
   */
  async keep(shard: number, batches: readonly Batch[]): Promise<Kept> {
    let lastG: number | null = null;
    for (;;) {
      const rest = inOrder(shard, batches, lastG);
      const first = rest[0];
      const last = rest.at(-1);
      if (first === undefined || last === undefined) {
        return { type: "kept", lastG: lastG ?? (await this.#cursor(shard)), entries: 0 };
      }
      if (lastG !== null && first.g !== lastG + 1) return { type: "gap", lastG };
      const { found, entries } = await this.#keepAll(first, last.g, rest);
      if (found === first.g - 1) return { type: "kept", lastG: last.g, entries };
      lastG = found;
    }
  }

  /** @returns the cursor as it was found, and how many entries there were to keep */
  async #keepAll(
    first: Batch,
    to: number,
    batches: readonly Batch[],
  ): Promise<{ found: number; entries: number }> {
    const changes = netChanges(batches);
    const { entries } = changes;
    const call = callKeepBatches(
      this.#sql,
      { shard: first.shard, epoch: first.epoch, g: first.g, to },
      changes,
    );
    try {
      const [row] = await this.#withTimeout(call);
      assert(row !== undefined);
      return { found: row.found, entries: entries.length };
    } catch (error) {
      throw divergence(error, first) ?? error;
    }
  }

  async #cursor(shard: number): Promise<number> {
    const [row] = await this.#withTimeout(
      this.#sql<{ last_g: number }[]>`SELECT last_g FROM cursors WHERE shard = ${shard}`,
    );
    assert(row !== undefined, `the books have no shard ${shard}`);
    return row.last_g;
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

  async hasEvent(event: string): Promise<boolean> {
    return (await this.#withTimeout(missingEvents(this.#sql, [event]))).length === 0;
  }

  settingsFault(durable: boolean): Promise<string | null> {
    return this.#withTimeout(readPostgresFault(this.#sql, durable));
  }

  async noteSeen(epoch: string, shard: number, g: number): Promise<void> {
    await this.#withTimeout(this.#sql`SELECT note_seen(${shard}, ${epoch}, ${g})`);
  }

  /**
   * Up to `count` entries of one account with a seq below `before` (`null`: beginning at the newest kept one). If the
   * books do not have the account, or not yet, there are none.
   */
  async history(account: number, before: number | null, count: number): Promise<KeptHistory> {
    const rows = await this.#withTimeout(
      this.#sql<({ kept_seq: number } & (EntryRow | NoEntryRow))[]>`
        SELECT a.seq AS kept_seq, e.*
        FROM accounts AS a
        LEFT JOIN LATERAL (
          SELECT seq, kind, value, balance, description, command AS id, time
          FROM entries
          WHERE account = a.account AND seq < ${before ?? Number.MAX_SAFE_INTEGER}
          ORDER BY seq DESC LIMIT ${count}
        ) AS e ON true
        WHERE a.account = ${account}`,
    );
    const entries: Entry[] = [];
    for (const { kept_seq: _, ...row } of rows) if (row.seq !== null) entries.push({ account, ...row });
    return { keptSeq: rows[0]?.kept_seq ?? 0, entries };
  }

  /** Lets queries in flight finish, within the time-out of a statement. */
  async close(): Promise<void> {
    await this.#sql.end({ timeout: bounds.books_answer_milliseconds_max / 1000 });
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

function numbers(text: string): number[] {
  return text.split(" ").map(Number);
}

interface EntryRow extends Omit<Entry, "account"> {
  readonly seq: number;
}

interface NoEntryRow {
  readonly seq: null;
}

const UNDEFINED_TABLE = "42P01";

/** The batches after `lastG`, without duplicates. @throws AssertionError if they are not consecutive */
function inOrder(shard: number, batches: readonly Batch[], lastG: number | null): Batch[] {
  const rest: Batch[] = [];
  let previous = lastG;
  for (const batch of batches) {
    assert(batch.shard === shard && batch.epoch === batches[0]?.epoch, "batches of one shard and one epoch");
    if (previous !== null && batch.g <= previous) continue;
    assert(
      rest.length === 0 || batch.g === (previous ?? 0) + 1,
      `batch ${batch.g} does not follow ${previous}`,
    );
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
  const detail = "detail" in error && typeof error.detail === "string" ? error.detail : "";
  const [account, seq] = (/\((\d+), (\d+)\)|^(\d+) (\d+)$/.exec(detail) ?? [])
    .slice(1)
    .filter((group) => group !== undefined)
    .map(Number);
  const place = account === undefined || seq === undefined ? { shard, g } : { shard, g, account, seq };
  return new Divergence(place, error.message);
}
