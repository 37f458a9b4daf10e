import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import postgres from "postgres";
import { eventually } from "../eventually.ts";
import { type PostgresServer, startPostgres } from "./postgres.ts";

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
  /** Marks a server that does not run: from its next start it follows the other one. */
  makeStandby(server: PostgresServer): void;
  dispose(): Promise<void>;
}

export async function startPostgresPair({ durable = false } = {}): Promise<PostgresPair> {
  const servers: PostgresServer[] = [];
  const settingsOf = (self: number) => () => {
    const other = servers[1 - self];
    return {
      cluster_name: `postgres_${self + 1}`,
      synchronous_standby_names: "ANY 1 (postgres_1, postgres_2)",
      wal_log_hints: "on",
      wal_keep_size: "256MB",
      // For those who ask again and again meanwhile.
      wal_retrieve_retry_interval: "100ms",
      // Where it is no standby, this is not looked at.
      primary_conninfo:
        other === undefined
          ? ""
          : `host=127.0.0.1 port=${other.process.port} user=razonete application_name=postgres_${self + 1}`,
    };
  };
  const first = await startPostgres({ durable, more: settingsOf(0) });
  servers.push(first);
  const second = await startPostgres({ durable, more: settingsOf(1), copyOf: first });
  servers.push(second);
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
    makeStandby: ({ process }) => writeFileSync(join(dirname(process.logFile), "data/standby.signal"), ""),
    dispose: async () => {
      await Promise.all(servers.map(({ process }) => process.dispose()));
    },
  };
  await pair.followed(first);
  return pair;
}

async function ask(url: string, statement: string): Promise<readonly unknown[]> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    return await sql.unsafe(statement);
  } finally {
    await sql.end({ timeout: 1 });
  }
}
