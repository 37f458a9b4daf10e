import { connectPostgres, type Sql } from "../keep/postgres-client.ts";

export interface CursorState {
  readonly shard: number;
  /** The last batch that is kept. */
  readonly g: number;
  /** Whether a writer found a batch after it that does not fit the books. */
  readonly isDiverged: boolean;
}

export interface UnitSum {
  readonly unit: string;
  /** All balances, the outside, and what is in transit together: 0. */
  readonly sum: number;
}

export interface LastAudit {
  /** In seconds since 1970. */
  readonly finishedAt: number;
  readonly agreed: boolean;
}

/** Looks at the books over a connection of its own, which is made when somebody looks first. */
export class BooksLook {
  readonly #url: string;
  #sql: Sql | null = null;

  constructor(url: string) {
    this.#url = url;
  }

  cursors(): Promise<readonly CursorState[]> {
    return this.#connected()<CursorState[]>`
      SELECT c.shard, c.last_g AS g, coalesce(d.g > c.last_g, false) AS "isDiverged"
      FROM cursors AS c LEFT JOIN divergences AS d ON d.shard = c.shard ORDER BY c.shard`;
  }

  /** Reads every account. */
  unitSums(): Promise<readonly UnitSum[]> {
    return this.#connected()<UnitSum[]>`
      SELECT a.unit, (a.amount - coalesce(s.amount, 0))::float8 AS sum
      FROM (SELECT unit, coalesce(sum(from_others), 0) AS amount FROM accounts GROUP BY unit) AS a
      LEFT JOIN (SELECT unit, sum(amount) AS amount FROM from_shards GROUP BY unit) AS s ON s.unit = a.unit
      ORDER BY a.unit`;
  }

  /** `null`: there was none. */
  async lastAudit(): Promise<LastAudit | null> {
    const [row] = await this.#connected()<LastAudit[]>`
      SELECT extract(epoch FROM finished_at)::float8 AS "finishedAt", agreed
      FROM audits ORDER BY audit DESC LIMIT 1`;
    return row ?? null;
  }

  async close(): Promise<void> {
    await this.#sql?.end({ timeout: 0 });
  }

  #connected(): Sql {
    this.#sql ??= connectPostgres({ url: this.#url, name: "razonete metrics", connections_max: 1 });
    return this.#sql;
  }
}
