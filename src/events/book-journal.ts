import { bounds } from "../bounds.ts";
import { messageOf } from "../errors.ts";
import { integers, texts } from "../keep/pg-array.ts";
import { codeOf, connectPostgres, type PoolOptions, type Sql } from "../keep/postgres-client.ts";
import { withTimeout } from "../keep/query-timeout.ts";
import type { AccountId, Micros } from "../ledger/account.ts";
import type { Place } from "../ledger/event-results.ts";
import { LedgerUnavailable } from "../ledger/ledger.ts";
import type { AccountFacts, JournalEnd, JournalSource, KeptRow } from "./journal-source.ts";

const CONNECTIONS_MAX = 2;
/** As PostgreSQL stores them: it may have compressed them. */
const ROWS_BYTES = 128 * 1024;

/**
 * The journal of a cluster, in its books, on connections of its own. New rows are seen by looking, which costs a writer
 * nothing; and only while somebody listens.
 */
export class BookJournal implements JournalSource {
  readonly #options: PoolOptions;
  #sql: Sql;
  readonly #listeners = new Set<() => void>();
  #looking = false;
  #closed = false;

  /**
   * @param name of the connections in pg_stat_activity
   * @param answer_milliseconds_max after this time a query is given up
   */
  constructor(url: string, name: string, answer_milliseconds_max: number = bounds.history_milliseconds_max) {
    this.#options = { url, name, connections_max: CONNECTIONS_MAX, answer_milliseconds_max };
    this.#sql = connectPostgres(this.#options);
  }

  async ends(): Promise<readonly JournalEnd[]> {
    return this.#ask(
      (sql) => sql<JournalEnd[]>`
        SELECT c.shard, j.g, j.hash FROM cursors AS c
        JOIN journal AS j ON j.shard = c.shard AND j.g = ${this.#shownUntil(sql)}
        ORDER BY c.shard`,
    );
  }

  async rows(shard: number, from: number, count: number): Promise<readonly KeptRow[]> {
    return this.#ask(
      (sql) => sql<KeptRow[]>`
        SELECT shard, g, time, hash, array_to_json(events) AS events FROM (
          SELECT *, sum(pg_column_size(events)) OVER (ORDER BY g) - pg_column_size(events) AS bytes_before FROM (
            SELECT j.* FROM cursors AS c JOIN journal AS j ON j.shard = c.shard AND j.g <= ${this.#shownUntil(sql)}
            WHERE c.shard = ${shard} AND j.g >= ${from} ORDER BY j.g LIMIT ${count}
          ) AS next
        ) AS summed WHERE bytes_before < ${ROWS_BYTES} ORDER BY g`,
    );
  }

  async hashesAt(
    rows: readonly { readonly shard: number; readonly g: number }[],
  ): Promise<readonly (Uint8Array | null)[]> {
    const found = await this.#ask(
      (sql) => sql<{ hash: Uint8Array | null }[]>`
        SELECT j.hash FROM ${this.#places(sql, rows)}
        LEFT JOIN (cursors AS c JOIN journal AS j ON j.shard = c.shard AND j.g <= ${this.#shownUntil(sql)})
          ON j.shard = p.shard AND j.g = p.g
        ORDER BY p.number`,
    );
    return found.map(({ hash }) => hash);
  }

  async firstSince(shard: number, time: Micros): Promise<number> {
    const [found] = await this.#ask(
      (sql) => sql<{ g: number; isEarlier: boolean | null }[]>`
        SELECT f.g, j.time < ${time} AS "isEarlier" FROM cursors AS c
        CROSS JOIN LATERAL (SELECT first_g(c.shard, ${this.#shownUntil(sql)}, ${time}) AS g) AS f
        LEFT JOIN journal AS j ON j.shard = c.shard AND j.g = f.g
        WHERE c.shard = ${shard}`,
    );
    if (found === undefined) throw new LedgerUnavailable(`the books have no shard ${shard}`, "none");
    // Where all are earlier, it is the latest, or one behind it.
    return found.isEarlier === true ? found.g + 1 : found.g;
  }

  async eventTexts(places: readonly Place[]): Promise<readonly (string | null)[]> {
    const found = await this.#ask(
      (sql) => sql<{ text: string | null }[]>`
        SELECT j.events[1 + (${integers(places, ({ index }) => index)}::text::integer[])[p.number]] AS text
        FROM ${this.#places(sql, places)}
        LEFT JOIN (cursors AS c JOIN journal AS j ON j.shard = c.shard AND j.g <= ${this.#shownUntil(sql)})
          ON j.shard = p.shard AND j.g = p.g
        ORDER BY p.number`,
    );
    return found.map(({ text }) => text);
  }

  async facts(accounts: readonly AccountId[]): Promise<ReadonlyMap<AccountId, AccountFacts>> {
    const found = await this.#ask(
      (sql) => sql<(AccountFacts & { readonly account: AccountId })[]>`
        SELECT account, unit, opened_at AS "openedAt" FROM accounts
        WHERE account = ANY(${texts(accounts, (account) => account)}::text::text[])`,
    );
    return new Map(found.map(({ account, unit, openedAt }) => [account, { unit, openedAt }]));
  }

  onKept(listener: () => void): () => void {
    // Of its own, so that a function that listens twice is called twice.
    const own = (): void => listener();
    this.#listeners.add(own);
    if (!this.#looking) this.#look().catch(() => {});
    return () => {
      this.#listeners.delete(own);
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#listeners.clear();
    await this.#sql.end({ timeout: 0 });
  }

  /** Never rejects. The first look calls, too: something may have been kept since the listener read for the last time. */
  async #look(): Promise<void> {
    this.#looking = true;
    let known: string | null = null;
    while (this.#listeners.size > 0) {
      const next = await this.#lastRows();
      if (next !== null && next !== known) for (const listener of this.#listeners) listener();
      // After a time of which nothing is known, all is new.
      known = next;
      await Bun.sleep(bounds.events_poll_milliseconds);
    }
    this.#looking = false;
  }

  /** `null` where the books do not answer. */
  async #lastRows(): Promise<string | null> {
    try {
      const [found] = await this.#ask(
        (sql) => sql<{ last: string | null }[]>`
          SELECT string_agg(${this.#shownUntil(sql)}::text, ' ' ORDER BY c.shard) AS last FROM cursors AS c`,
      );
      return found?.last ?? null;
    } catch {
      return null;
    }
  }

  /**
   * The last row that is shown of the shard of `c`. There may be later ones, which are not to be told yet: while a restore
   * puts back what it found, or in a transaction that sees more than this.
   */
  #shownUntil(sql: Sql) {
    return sql`c.last_g`;
  }

  #places(sql: Sql, rows: readonly { readonly shard: number; readonly g: number }[]) {
    return sql`
      unnest(${integers(rows, ({ shard }) => shard)}::text::integer[], ${integers(rows, ({ g }) => g)}::text::bigint[])
        WITH ORDINALITY AS p (shard, g, number)`;
  }

  async #ask<T>(query: (sql: Sql) => PromiseLike<T>): Promise<T> {
    if (this.#closed) throw new LedgerUnavailable("the server is stopping", "none");
    const sql = this.#sql;
    const giveUp = (): void => {
      // Another query may have replaced the pool already.
      if (this.#sql === sql) this.#sql = connectPostgres(this.#options);
      sql.end({ timeout: 0 }).catch(() => {});
    };
    try {
      return await withTimeout(query(sql), giveUp, this.#options.answer_milliseconds_max);
    } catch (error) {
      const reason = messageOf(error) || codeOf(error);
      throw new LedgerUnavailable(`the books give no answer (${reason})`, "none", { cause: error });
    }
  }
}
