import { constants, Database } from "bun:sqlite";
import { messageOf } from "../errors.ts";
import { connectPostgres, type Sql } from "../keep/postgres-client.ts";
import { withTimeout } from "../keep/query-timeout.ts";
import { LedgerUnavailable } from "../ledger/ledger.ts";
import { endOfOwn } from "../ledger/own-accounts.ts";
import type { BooksNow } from "./watch-loop.ts";

type Watched = Parameters<BooksNow["below"]>[0];
type Below = Awaited<ReturnType<BooksNow["below"]>>;

/** To look through a million accounts. */
const ANSWER_MILLISECONDS_MAX = 30_000;

/** The accounts in the books of a cluster. */
export class ClusterBooks implements BooksNow {
  readonly #url: string;
  #sql: Sql | null = null;

  constructor(url: string) {
    this.#url = url;
  }

  async below(watch: Watched): Promise<Below> {
    const sql = (this.#sql ??= connectPostgres({
      url: this.#url,
      name: "razonete dispatch watches",
      connections_max: 1,
    }));
    const [from, before] = rangeOf(watch);
    try {
      return await withTimeout(
        sql.begin("isolation level repeatable read read only", async (transaction) => {
          await transaction`SELECT set_config('statement_timeout', ${String(ANSWER_MILLISECONDS_MAX)}, true)`;
          const ends = await transaction<{ last_g: number }[]>`SELECT last_g FROM cursors ORDER BY shard`;
          const accounts = await transaction<{ account: string }[]>`
            SELECT account FROM accounts
            WHERE account >= ${from} AND account < ${before}
              AND balance::numeric + credit_limit - held < ${watch.availableLessThan}`;
          return { accounts: accounts.map(({ account }) => account), ends: ends.map(({ last_g }) => last_g) };
        }),
        () => {
          this.#sql = null;
          sql.end({ timeout: 0 }).catch(() => {});
        },
        ANSWER_MILLISECONDS_MAX,
      );
    } catch (error) {
      throw new LedgerUnavailable(`PostgreSQL: ${messageOf(error)}`, "none", { cause: error });
    }
  }

  async close(): Promise<void> {
    await this.#sql?.end({ timeout: 1 });
  }
}

/** The accounts in a data file. */
export class FileBooks implements BooksNow {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  async below(watch: Watched): Promise<Below> {
    const [from, before] = rangeOf(watch);
    try {
      const db = new Database(this.#path, constants.SQLITE_OPEN_READONLY);
      try {
        db.run("PRAGMA busy_timeout = 250");
        return db.transaction(() => {
          const ends = db.query<{ g: number }, []>("SELECT max(g) AS g FROM journal").all();
          const accounts = db
            .query<{ account: string }, [string, string, number]>(
              `SELECT account FROM accounts AS a WHERE account >= ? AND account < ? AND credit_limit - held + coalesce(
                (SELECT balance FROM entries AS e WHERE e.account = a.account ORDER BY seq DESC LIMIT 1), 0
              ) < ?`,
            )
            .all(from, before, watch.availableLessThan);
          return { accounts: accounts.map(({ account }) => account), ends: ends.map(({ g }) => g) };
        })();
      } finally {
        db.close();
      }
    } catch (error) {
      throw new LedgerUnavailable(`the data file cannot be read: ${messageOf(error)}`, "none", {
        cause: error,
      });
    }
  }

  async close(): Promise<void> {}
}

/** The ids of a watch's accounts are these and those behind, before the second: no id has a tilde. */
function rangeOf({ account, prefix }: Watched): readonly [string, string] {
  return account === null ? [prefix ?? "", endOfOwn(prefix ?? "")] : [account, `${account}\u0001`];
}
