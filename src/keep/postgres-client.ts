import assert from "node:assert";
import postgres from "postgres";
import { bounds } from "../bounds.ts";

/** bigint columns as numbers: exact, or an error. */
const exactBigint = {
  to: 20,
  from: [20],
  serialize: String,
  parse(text: string): number {
    const value = Number(text);
    assert(Number.isSafeInteger(value), `${text} is beyond 2^53`);
    return value;
  },
};

export type Sql = postgres.Sql<{ bigint: number }>;

export interface PoolOptions {
  readonly url: string;
  /** Shown by pg_stat_activity. */
  readonly name: string;
  readonly connections_max: number;
  /** After this {@link Books} gives up a connection that does not answer; `books_answer_milliseconds_max` if not given. */
  readonly answer_milliseconds_max?: number;
  /** After each loss of a connection. */
  readonly onClose?: () => void;
}

/**
 * A pool that connects when it is first used and again after each loss. A query in flight at the loss is rejected,
 * and whether it took effect is unknown.
 */
export function connectPostgres({ url, name, connections_max, onClose }: PoolOptions): Sql {
  return postgres(url, {
    max: connections_max,
    // The default closes a connection after half an hour or so, and a lock held on it is gone.
    max_lifetime: null,
    idle_timeout: 0,
    connect_timeout: bounds.books_connect_seconds_max,
    backoff: () => bounds.books_reconnect_milliseconds / 1000,
    fetch_types: false,
    types: { bigint: exactBigint },
    onnotice: () => {},
    ...(onClose === undefined ? {} : { onclose: onClose }),
    connection: {
      application_name: name,
      statement_timeout: bounds.books_statement_milliseconds_max,
      // The outbox is trimmed after a commit: it must be on disk then, whatever the server's default is.
      synchronous_commit: "on",
      default_transaction_isolation: "read committed",
    },
  });
}

/** Advisory locks of this program, told from others' by the first of their two keys ("Razo"). */
export const LOCK_CLASS = 0x52617a6f;
export const MIGRATION_LOCK = 0;
export const INIT_LOCK = 1;

/** Whoever holds it is the shard's active writer. */
export function writerLock(shard: number): number {
  return 1000 + shard;
}

/** Of an error of PostgreSQL its five-letter code, of one of the connection its name; else "". */
export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}
