import { bounds } from "../bounds.ts";
import { messageOf, StartError } from "../errors.ts";
import { codeOf, connectPostgres, type PoolOptions, type Sql } from "../keep/postgres-client.ts";
import { withTimeout } from "../keep/query-timeout.ts";
import {
  type AccessKeySource,
  type AccessKeyStore,
  type KeptKey,
  keyOfRow,
  type KeyRow,
  rowOfKey,
} from "./kept-key.ts";

const UNDEFINED_TABLE = "42P01";
const NO_TABLE = "the books have no place for access keys yet: run razonete init";

/** The access keys of a cluster, in its books. All methods throw StartError where PostgreSQL does not answer. */
export class BookKeys implements AccessKeyStore {
  readonly #sql: Sql;

  constructor(url: string) {
    this.#sql = connectPostgres({ url, name: "razonete keys", connections_max: 1 });
  }

  async create(key: KeptKey): Promise<boolean> {
    const { name, hash, scopes, accounts, rate, createdAt, expiresAt, revokedAt } = rowOfKey(key);
    const made = await explained(this.#sql`
      INSERT INTO access_keys (name, hash, scopes, accounts, rate, created_at, expires_at, revoked_at)
      VALUES (${name}, ${hash}, ${scopes}, ${accounts}, ${rate}, ${createdAt}, ${expiresAt}, ${revokedAt})
      ON CONFLICT (name) DO NOTHING RETURNING name`);
    return made.length === 1;
  }

  list(): Promise<readonly KeptKey[]> {
    return explained(readKeys(this.#sql));
  }

  async revoke(name: string, at: number): Promise<KeptKey | null> {
    await explained(
      this.#sql`UPDATE access_keys SET revoked_at = ${at} WHERE name = ${name} AND revoked_at IS NULL`,
    );
    return (await this.list()).find((key) => key.name === name) ?? null;
  }

  async close(): Promise<void> {
    await this.#sql.end({ timeout: 1 });
  }
}

/**
 * The same as an API reads them, on a connection of its own: behind the queries of a busy API, or of one who has lost a
 * key and knows it, a look would come too late.
 */
export class BookKeySource implements AccessKeySource {
  readonly #options: PoolOptions;
  #sql: Sql;
  /** What the table's state was at the last reading. */
  #state = "";

  constructor(url: string) {
    this.#options = { url, name: "razonete api keys", connections_max: 1 };
    this.#sql = connectPostgres(this.#options);
  }

  async readChanged(): Promise<readonly KeptKey[] | null> {
    const state = await this.#readState();
    if (state === this.#state) return null;
    const keys = await this.#inTime(readKeys(this.#sql));
    this.#state = state;
    return keys;
  }

  async close(): Promise<void> {
    await this.#sql.end({ timeout: 0 });
  }

  async #readState(): Promise<string> {
    try {
      const [row] = await this.#inTime(this.#sql<{ state: string }[]>`
        SELECT concat_ws(' ', count(*), count(revoked_at), max(greatest(created_at, revoked_at))) AS state
        FROM access_keys`);
      return row?.state ?? "";
    } catch (error) {
      throw codeOf(error) === UNDEFINED_TABLE ? new StartError(NO_TABLE) : error;
    }
  }

  #inTime<T>(query: PromiseLike<T>): Promise<T> {
    const sql = this.#sql;
    const giveUp = (): void => {
      this.#sql = connectPostgres(this.#options);
      sql.end({ timeout: 0 }).catch(() => {});
    };
    return withTimeout(query, giveUp, bounds.access_keys_answer_milliseconds_max);
  }
}

async function readKeys(sql: Sql): Promise<KeptKey[]> {
  const rows = await sql<KeyRow[]>`
    SELECT name, hash, scopes, accounts, rate, created_at AS "createdAt", expires_at AS "expiresAt",
      revoked_at AS "revokedAt"
    FROM access_keys ORDER BY created_at, name`;
  return rows.map(keyOfRow);
}

async function explained<T>(answer: PromiseLike<T>): Promise<T> {
  try {
    return await withTimeout(answer, () => {});
  } catch (error) {
    if (codeOf(error) === UNDEFINED_TABLE) {
      throw new StartError(`${NO_TABLE}.`);
    }
    const reason = messageOf(error) || codeOf(error);
    throw new StartError(`PostgreSQL (DATABASE_URL) cannot be asked: ${reason.replace(/\.$/, "")}.`);
  }
}
