import assert from "node:assert";
import postgres from "postgres";
import { bounds } from "../bounds.ts";
import { CA_PARAMETER, eachHost } from "../tls/server-trust.ts";
import { PostgresSockets } from "./postgres-sockets.ts";

/** Reads bigint columns as numbers, and throws if a value is beyond 2^53. */
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

/**
 * A session that has begun as read-only would stay so, whatever the server's default is by then. As a text: the client's
 * types want `false`, but it sends nothing that is false.
 */
const READ_WRITE: object = { default_transaction_read_only: "off" };

/**
 * How soon PostgreSQL ends the session of a machine that has vanished without a word, as by a loss of power or a cut network:
 * within 10 s. Until then it holds its locks, so that nobody else becomes the leader; by default for two hours. On a socket
 * of the same machine PostgreSQL does without.
 */
const VANISHED: Readonly<Record<string, number>> = {
  tcp_keepalives_idle: 5,
  tcp_keepalives_interval: 1,
  tcp_keepalives_count: 5,
  // What it has sent and nobody confirms, in milliseconds.
  tcp_user_timeout: 10_000,
};

export type Sql = postgres.Sql<{ bigint: number }>;
export type Transaction = postgres.TransactionSql<{ bigint: number }>;
export type Queryable = Sql | Transaction;

export interface PoolOptions {
  readonly url: string;
  /** The connection's name in pg_stat_activity. */
  readonly name: string;
  readonly connections_max: number;
  /**
   * After this time {@link Books} gives up a connection that does not answer. Default: `books_answer_milliseconds_max`.
   */
  readonly answer_milliseconds_max?: number;
  /** Called after each loss of a connection. */
  readonly onClose?: () => void;
  /** Called with what PostgreSQL says beside its answers. */
  readonly onNotice?: (notice: postgres.Notice) => void;
}

/**
 * Creates a pool that connects when it is first used, and again after each loss of the connection, to any of the URL's
 * hosts. A query that was in flight at the loss is rejected; whether it took effect is unknown. So is one that none of the
 * hosts took a connection for. Once `end` has resolved, no connection is left.
 */
export function connectPostgres(pool: PoolOptions): Sql {
  const { url, name, connections_max, onClose, onNotice = () => {} } = pool;
  const hosts = eachHost(url);
  const [first = new URL(url)] = hosts;
  const sockets = new PostgresSockets(hosts);
  // Its types do not know of `socket`.
  const connections = { socket: () => sockets.open() };
  const sql = postgres(withoutTlsParameters(first), {
    ...connections,
    max: connections_max,
    // By default a connection is closed after about half an hour, and locks that are held on it are released.
    max_lifetime: null,
    idle_timeout: 0,
    connect_timeout: bounds.books_connect_seconds_max,
    backoff: () => bounds.books_reconnect_milliseconds / 1000,
    fetch_types: false,
    types: { bigint: exactBigint },
    onnotice: onNotice,
    ...(onClose === undefined ? {} : { onclose: onClose }),
    connection: {
      application_name: name,
      statement_timeout: statementMilliseconds(pool),
      // After a commit, batches are removed from the outbox. So it must be on disk, whatever the server's default is.
      synchronous_commit: "on",
      ...READ_WRITE,
      ...VANISHED,
      default_transaction_isolation: "read committed",
    },
  });
  if (hosts.length > 1) {
    // The client looks at an error, until it has connected and even a moment longer, whether there is a second host, and then
    // rejects nothing. That is right of a standby, where it connects again; what a lost connection has taken, it forgets.
    sql.options.host = Object.defineProperty([first.hostname], 1, {
      get: () => (sockets.passOver() ? first.hostname : undefined),
    });
    // With the sockets that it is given, this is only for the texts of its errors.
    sql.options.path = hosts.map(({ host }) => host).join(",");
  }
  const end = sql.end.bind(sql);
  return Object.assign(sql, {
    end: async (...options: Parameters<typeof end>) => {
      try {
        await end(...options);
      } finally {
        sockets.close();
      }
    },
  });
}

/** PostgreSQL ends what takes too long before its connection is given up, and with it what others ask on it. */
function statementMilliseconds({ answer_milliseconds_max = Infinity }: PoolOptions): number {
  return Math.min(bounds.books_statement_milliseconds_max, Math.floor(0.8 * answer_milliseconds_max));
}

/** The client would hand them on to the server, which does not know them. */
function withoutTlsParameters(url: URL): string {
  const bare = new URL(url);
  bare.searchParams.delete("sslmode");
  bare.searchParams.delete(CA_PARAMETER);
  return bare.href;
}

/** The first of the two keys of this program's advisory locks ("Razo"), which keeps them apart from others'. */
export const LOCK_CLASS = 0x52617a6f;
export const MIGRATION_LOCK = 0;
export const INIT_LOCK = 1;
export const DISPATCH_LOCK = 2;

/** The writer that holds this lock is the shard's leader. */
export function writerLock(shard: number): number {
  return 1000 + shard;
}

/** PostgreSQL's five-character code of an error, or the name of a connection error; else "". */
export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}
