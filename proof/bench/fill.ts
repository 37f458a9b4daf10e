import { connectRedis, headKey, type Redis } from "../../src/decide/redis-client.ts";
import { connectPostgres, type Sql } from "../../src/keep/postgres-client.ts";
import type { Entry } from "../../src/ledger/entry.ts";
import type { StackDescription } from "../../src/stack/stack-file.ts";

/**
 * Makes a ledger large without sending a million requests. It writes rows into the books with SQL, and writes into
 * Redis what `ledger.lua` would store there for them. Afterwards both agree, as if all had come through the API.
 *
 * Only for an idle stack of one shard: nothing else may write meanwhile, and the outbox must be empty.
 */
export class Filler implements AsyncDisposable {
  readonly #sql: Sql;
  readonly #redis: Redis;
  readonly #onStep: (count: number) => void;

  private constructor(sql: Sql, redis: Redis, onStep: (count: number) => void) {
    this.#sql = sql;
    this.#redis = redis;
    this.#onStep = onStep;
  }

  /** @param onStep called with the number of accounts or entries that were added */
  static async connect(
    { databaseUrl, redisUrl }: StackDescription,
    onStep: (count: number) => void = () => {},
  ): Promise<Filler> {
    const sql = connectPostgres({ url: databaseUrl, name: "razonete bench", connections_max: 1 });
    // Applies to the only connection.
    await sql`SET statement_timeout = 0`;
    const redis = connectRedis(redisUrl, () => {});
    await redis.connect();
    return new Filler(sql, redis, onStep);
  }

  /** Opens accounts until there are `count`, all with a balance of 0 and a credit limit of 100,000.00. */
  async accounts(count: number): Promise<void> {
    const openedAt = await this.#now();
    const [row] = await this.#sql<{ last: number }[]>`SELECT max(account) AS last FROM accounts`;
    for (let first = (row?.last ?? 0) + 1; first <= count; first += ACCOUNTS_A_STEP) {
      const last = Math.min(count, first + ACCOUNTS_A_STEP - 1);
      await this.#sql.begin(async (sql) => {
        await sql`
          INSERT INTO accounts (account, credit_limit, balance, seq, opened_at, command)
          SELECT n, ${CREDIT_LIMIT}, 0, 0, ${openedAt}, 'req:fill-' || n FROM generate_series(${first}::bigint, ${last}::bigint) AS n`;
        await sql`
          INSERT INTO limits (account, version, credit_limit, after_seq, command, changed_at)
          SELECT n, 1, ${CREDIT_LIMIT}, 0, 'req:fill-' || n, ${openedAt} FROM generate_series(${first}::bigint, ${last}::bigint) AS n`;
      });
      const numbers = Array.from({ length: last - first + 1 }, (_, index) => first + index);
      await this.#write(
        numbers.map((number) => {
          const fields = { limit: CREDIT_LIMIT, balance: 0, seq: 0, time: openedAt };
          return ["HSET", accountKey(number), ...pairs(fields), "name", ""];
        }),
      );
      await this.#write([["HSET", headKey(SHARD), "next", String(last + 1)]]);
      this.#onStep(numbers.length);
    }
    await this.#sql`ANALYZE accounts, limits`;
  }

  /** Adds `each` credits of 0.01 to each of the accounts `first` to `last`, on top of what they have. */
  async entries(first: number, last: number, each: number): Promise<void> {
    const accountsAStep = Math.max(1, Math.floor(ENTRIES_A_STEP / each));
    for (let from = first; from <= last; from += accountsAStep) {
      const to = Math.min(last, from + accountsAStep - 1);
      await this.#entriesOf(from, to, each);
      this.#onStep((to - from + 1) * each);
    }
    await this.#sql`ANALYZE entries`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#redis.destroy();
    await this.#sql.end({ timeout: 1 });
  }

  async #entriesOf(from: number, to: number, each: number): Promise<void> {
    const begun = await this.#now();
    const latest = await this.#sql.begin(async (sql) => {
      // Times must rise within each account, even if its latest entry is newer than `begun`.
      await sql`
        INSERT INTO entries (account, seq, kind, value, balance, credit_limit, description, command, time)
        SELECT a.account, a.seq + n, 'credit', 1, a.balance + n, a.credit_limit, 'fill',
          'req:fill-' || a.account || '-' || (a.seq + n),
          greatest(${begun}::bigint, 1 + coalesce((
            SELECT e.time FROM entries AS e WHERE e.account = a.account AND e.seq = a.seq
          ), 0)) + n
        FROM accounts AS a CROSS JOIN generate_series(1, ${each}::bigint) AS n
        WHERE a.account BETWEEN ${from} AND ${to} ORDER BY a.account, n`;
      await sql`
        UPDATE accounts SET seq = seq + ${each}, balance = balance + ${each}
        WHERE account BETWEEN ${from} AND ${to}`;
      return sql<FilledRow[]>`
        SELECT e.account, e.seq, e.time, e.kind, e.value, e.balance, e.description, e.command AS id, e.credit_limit
        FROM accounts AS a JOIN entries AS e ON e.account = a.account AND e.seq > a.seq - ${STATEMENT_ENTRIES}
        WHERE a.account BETWEEN ${from} AND ${to} ORDER BY e.account, e.seq`;
    });
    const commands = [...Map.groupBy(latest, ({ account }) => account)].flatMap(([account, rows]) => {
      const newest = rows.at(-1);
      if (newest === undefined) return [];
      const { balance, seq, time } = newest;
      const statement = `razonete:{${SHARD}}:statement:${account}`;
      return [
        ["HSET", accountKey(account), ...pairs({ balance, seq, time })],
        ["DEL", statement],
        ["ZADD", statement, ...rows.flatMap((row) => [String(row.seq), eventOf(row)])],
      ];
    });
    await this.#write(commands);
  }

  async #write(commands: readonly (readonly string[])[]): Promise<void> {
    await Promise.all(commands.map((command) => this.#redis.sendCommand([...command])));
  }

  /** The time by Redis's clock, which the ledger uses too, in microseconds since 1970. */
  async #now(): Promise<number> {
    const [seconds, microseconds] = Object.values(await this.#redis.sendCommand(["TIME"])).map(Number);
    return (seconds ?? 0) * 1_000_000 + (microseconds ?? 0);
  }
}

interface FilledRow extends Entry {
  readonly credit_limit: number;
}

const SHARD = 0;
const CREDIT_LIMIT = 10_000_000;
const ACCOUNTS_A_STEP = 10_000;
const ENTRIES_A_STEP = 100_000;
const STATEMENT_ENTRIES = 10;

function accountKey(account: number): string {
  return `razonete:{${SHARD}}:account:${account}`;
}

function pairs(fields: Readonly<Record<string, number>>): string[] {
  return Object.entries(fields).flatMap(([name, value]) => [name, String(value)]);
}

/** See src/ledger/event.ts. */
function eventOf(row: FilledRow): string {
  const { kind, account, seq, time, value, balance, credit_limit, id, description } = row;
  const letter = kind === "credit" ? "c" : "d";
  return [letter, account, seq, time, value, balance, credit_limit, id, description].join(" ");
}
