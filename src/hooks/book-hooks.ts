import { bounds } from "../bounds.ts";
import { messageOf } from "../errors.ts";
import { codeOf, connectPostgres, type Queryable, type Sql } from "../keep/postgres-client.ts";
import { withTimeout } from "../keep/query-timeout.ts";
import { LedgerUnavailable } from "../ledger/ledger.ts";
import type { HookDatabase, HookQueries, Value } from "./hook-database.ts";

const UNDEFINED_TABLE = "42P01";

/** Webhooks and watches of a cluster, in its books, on a connection of their own. */
export class BookHooks implements HookDatabase {
  readonly #url: string;
  readonly #name: string;
  #pool: Sql | null = null;
  /** Ends when all that was asked before has ended. */
  #turn: Promise<void> = Promise.resolve();

  constructor(url: string, name: string) {
    this.#url = url;
    this.#name = name;
  }

  all<Row extends object>(sql: string, values: readonly Value[] = []): Promise<readonly Row[]> {
    return this.#inTurn((pool) => queriesOf(pool).all<Row>(sql, values));
  }

  change<T>(make: (queries: HookQueries) => Promise<T>): Promise<T> {
    return this.#inTurn((pool) => {
      const { promise, resolve } = Promise.withResolvers<T>();
      // The client's types do not say that it resolves to what the transaction did.
      const done = pool.begin(async (transaction) => resolve(await make(queriesOf(transaction))));
      return done.then(() => promise);
    });
  }

  /** For how long clients' keys are remembered that are decided from now on. */
  async keyHours(): Promise<number> {
    const [row] = await this.all<{ key_hours: number }>("SELECT key_hours FROM system");
    return row?.key_hours ?? bounds.idempotency_key_kept_seconds / 3600;
  }

  async close(): Promise<void> {
    await this.#pool?.end({ timeout: 1 });
  }

  /** Opened by the first use: an API without webhooks needs no connection. */
  get #sql(): Sql {
    this.#pool ??= connectPostgres({ url: this.#url, name: this.#name, connections_max: 1 });
    return this.#pool;
  }

  /**
   * One after the other: the time of each begins with its turn, so that who waits for others does not end the connection
   * while it is theirs. Nobody waits for a turn for longer than that time either.
   */
  async #inTurn<T>(ask: (pool: Sql) => PromiseLike<T>): Promise<T> {
    const before = this.#turn;
    const { promise: done, resolve: end } = Promise.withResolvers<void>();
    this.#turn = before.then(() => done);
    try {
      await withTimeout(before, () => {});
      const pool = this.#sql;
      const giveUp = (): void => {
        if (this.#pool === pool) this.#pool = null;
        pool.end({ timeout: 0 }).catch(() => {});
      };
      return await withTimeout(ask(pool), giveUp);
    } catch (error) {
      if (error instanceof LedgerUnavailable) throw error;
      const reason =
        codeOf(error) === UNDEFINED_TABLE
          ? "the books have no place for webhooks yet: run razonete init"
          : `PostgreSQL: ${toldOf(error)}`;
      throw new LedgerUnavailable(reason, "unknown", { cause: error });
    } finally {
      end();
    }
  }
}

function queriesOf(sql: Queryable): HookQueries {
  return {
    all: async <Row extends object>(text: string, values: readonly Value[] = []) => {
      const rows = await sql.unsafe<Row[]>(text, [...values]);
      return [...rows];
    },
  };
}

/** What clients are told: where it is not PostgreSQL's own answer, the message has its address, and the code has not. */
function toldOf(error: unknown): string {
  const code = codeOf(error);
  return code === "" || SQL_STATE.test(code) ? messageOf(error) : code;
}

const SQL_STATE = /^[\dA-Z]{5}$/;
