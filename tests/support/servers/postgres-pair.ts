import { dirname } from "node:path";
import postgres from "postgres";
import { eventually } from "../eventually.ts";
import { copyRunning, type PostgresServer, startPostgres } from "./postgres.ts";

/** Two PostgreSQL, of which one follows the other: a commit waits until both have it. */
export interface PostgresPair {
  /** The one that begins as the primary, and the one that follows it. */
  readonly first: PostgresServer;
  readonly second: PostgresServer;
  /** The database's URL on both hosts, which only takes the primary. */
  urlOf(database: string): string;
  /** Makes a standby the primary. */
  promote(server: PostgresServer): Promise<void>;
  /** Until the other one follows this primary, and commits wait for it. */
  followed(primary: PostgresServer): Promise<void>;
  /** Makes a server that does not run a standby of the other one, with a copy of its data, and starts it. */
  rejoin(server: PostgresServer): Promise<void>;
  dispose(): Promise<void>;
}

export interface PairOptions {
  /** With fsync. */
  readonly durable?: boolean;
  /** Where the other one finds this server, as libpq has it; by default where it is. Asked once for each. */
  readonly wayTo?: (server: PostgresServer, index: number) => string;
}

export async function startPostgresPair(options: PairOptions = {}): Promise<PostgresPair> {
  const { durable = false, wayTo = placeOf } = options;
  const servers: PostgresServer[] = [];
  const ways: string[] = [];
  const settingsOf = (self: number) => () => {
    const way = ways[1 - self];
    return {
      cluster_name: `postgres_${self + 1}`,
      wal_log_hints: "on",
      wal_keep_size: "256MB",
      // For those who ask again and again meanwhile.
      wal_retrieve_retry_interval: "100ms",
      // Where it is no standby, this is not looked at.
      primary_conninfo: way === undefined ? "" : `${way} user=razonete application_name=postgres_${self + 1}`,
    };
  };
  const first = await startPostgres({ durable, more: settingsOf(0) });
  servers.push(first);
  ways.push(wayTo(first, 0));
  // As an administrator of it does, so that it can be changed while it runs.
  await ask(first.url, "ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (postgres_1, postgres_2)'");
  await ask(first.url, "SELECT pg_reload_conf()");
  const second = await startPostgres({ durable, more: settingsOf(1), copyOf: first });
  servers.push(second);
  ways.push(wayTo(second, 1));
  const pair: PostgresPair = {
    first,
    second,
    urlOf: (database) => {
      const hosts = servers.map(({ process }) => `127.0.0.1:${process.port}`).join(",");
      return `postgres://razonete@${hosts}/${database}?target_session_attrs=primary`;
    },
    promote: async ({ url }) => {
      await ask(url, "SELECT pg_promote()");
    },
    followed: ({ url }) =>
      eventually("a standby follows", async () => {
        const rows = await ask(url, "SELECT FROM pg_stat_replication WHERE sync_state = 'quorum'");
        return rows.length === 1;
      }),
    rejoin: async (server) => {
      const [other] = servers.filter((each) => each !== server);
      if (other === undefined) throw new Error("there is no other server");
      copyRunning(other, dirname(server.process.logFile));
      await server.process.start();
      await pair.followed(other);
    },
    dispose: async () => {
      await Promise.all(servers.map(({ process }) => process.dispose()));
    },
  };
  await pair.followed(first);
  return pair;
}

function placeOf({ process }: PostgresServer): string {
  return `host=127.0.0.1 port=${process.port}`;
}

async function ask(url: string, statement: string): Promise<readonly unknown[]> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    return await sql.unsafe(statement);
  } finally {
    await sql.end({ timeout: 1 });
  }
}
