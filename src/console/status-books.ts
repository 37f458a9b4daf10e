import { codeOf, connectPostgres, type PoolOptions, type Sql } from "../keep/postgres-client.ts";
import { readTotals } from "../keep/book-entries.ts";
import { withTimeout } from "../keep/query-timeout.ts";
import { timestamp } from "../http/timestamp.ts";
import { unitJson } from "../http/v1/json.ts";
import type { ConsoleStatus } from "./console-status.ts";

/** What the console reads from the books. Rejects where they do not answer in time. */
export interface StatusBooks {
  /** Also tells whether they are there. */
  lastAudit(): Promise<ConsoleStatus["audit"]>;
  /** Adds up every account. */
  units(): Promise<ConsoleStatus["units"]>;
  close(): Promise<void>;
}

const UNDEFINED_TABLE = "42P01";
const LOOK_MILLISECONDS_MAX = 900;
const UNITS_MILLISECONDS_MAX = 10_000;

/** The books in PostgreSQL, by connections of its own: nobody else waits behind these queries. */
export class PostgresStatusBooks implements StatusBooks {
  readonly #looks: Pool;
  readonly #sums: Pool;

  constructor(url: string) {
    this.#looks = new Pool({ url, name: "razonete console", connections_max: 1 }, LOOK_MILLISECONDS_MAX);
    this.#sums = new Pool({ url, name: "razonete console sums", connections_max: 1 }, UNITS_MILLISECONDS_MAX);
  }

  lastAudit(): Promise<ConsoleStatus["audit"]> {
    return this.#looks.ask(readAudit);
  }

  async units(): Promise<ConsoleStatus["units"]> {
    const { units } = await this.#sums.ask(readTotals);
    return units.map(unitJson);
  }

  async close(): Promise<void> {
    await Promise.all([this.#looks.close(), this.#sums.close()]);
  }
}

/** The last one; none where there is no table yet. */
async function readAudit(sql: Sql): Promise<ConsoleStatus["audit"]> {
  try {
    const [last] = await sql<{ at: number; agreed: boolean; findings: number }[]>`
      SELECT (extract(epoch FROM finished_at) * 1000000)::bigint AS at, agreed, findings
      FROM audits ORDER BY audit DESC LIMIT 1`;
    return last === undefined ? null : { ...last, at: timestamp(last.at) };
  } catch (error) {
    if (codeOf(error) === UNDEFINED_TABLE) return null;
    throw error;
  }
}

/** A pool that is exchanged where it does not answer in time. */
class Pool {
  readonly #options: PoolOptions;
  readonly #milliseconds: number;
  #sql: Sql;

  constructor(options: PoolOptions, milliseconds: number) {
    this.#options = options;
    this.#milliseconds = milliseconds;
    this.#sql = connectPostgres(options);
  }

  ask<T>(query: (sql: Sql) => PromiseLike<T>): Promise<T> {
    const sql = this.#sql;
    const giveUp = (): void => {
      if (this.#sql === sql) this.#sql = connectPostgres(this.#options);
      sql.end({ timeout: 0 }).catch(() => {});
    };
    return withTimeout(query(sql), giveUp, this.#milliseconds);
  }

  async close(): Promise<void> {
    await this.#sql.end({ timeout: 0 });
  }
}
