import { join } from "node:path";
import { BOOKS, type BooksOptions } from "../postgres.ts";
import { DEPLOY, folderOf, type ServerOptions } from "../process-plan.ts";

/**
 * PostgreSQL twice on this machine: one is the primary, the other one follows it, and a commit waits until both have it on
 * disk. Either may be either; which one is the primary is said by a file beside their folders (primary-file.ts).
 */
export interface PairPlan {
  readonly nodes: readonly [PostgresNode, PostgresNode];
  /** With whose rights, and by which programs, their folders are made. */
  readonly tools: PairTools;
}

export type PairTools = Pick<BooksOptions, "programs" | "user" | "settings" | "password" | "environment"> & {
  /** Where running processes are noted, and the stack's own folder. */
  readonly run: string;
  readonly path: string;
};

export interface PostgresNode {
  readonly name: "postgres-1" | "postgres-2";
  readonly folder: string;
  readonly port: number;
  /** The owner's, of this one alone. */
  readonly url: string;
  /** What its settings file says beside what every PostgreSQL of a stack has. */
  readonly settings: string;
}

/** The names by which they follow each other, which a commit waits for. */
const APPLICATIONS = ["postgres_1", "postgres_2"] as const;

export function applicationOf({ name }: Pick<PostgresNode, "name">): string {
  return name.replace("-", "_");
}

/** @param password of the books' owner, by which they follow each other, too */
export function planPair(
  { folder, programs, postgresUser, environment }: ServerOptions,
  ports: readonly [number, number],
  password: string,
): PairPlan {
  const node = (name: PostgresNode["name"], port: number, other: number): PostgresNode => ({
    name,
    port,
    folder: folderOf(name, folder),
    url: `postgres://${BOOKS}:${password}@127.0.0.1:${port}/${BOOKS}`,
    settings: settingsOf(applicationOf({ name }), other, password),
  });
  const { run, path } = folder;
  const settings = join(DEPLOY, "postgresql.conf");
  return {
    nodes: [node("postgres-1", ports[0], ports[1]), node("postgres-2", ports[1], ports[0])],
    tools: { programs, user: postgresUser, settings, password, environment, run, path },
  };
}

/** The same in both roles, since they change; whether it follows is said by standby.signal alone. */
function settingsOf(application: string, otherPort: number, password: string): string {
  return `
# Added by razonete stack: two PostgreSQL, of which one follows the other.
cluster_name = '${application}'
# A commit waits for the other one's disk. While it is away nothing is committed; see docs/operations.md before you change it.
synchronous_standby_names = 'ANY 1 (${APPLICATIONS.join(", ")})'
primary_conninfo = 'host=127.0.0.1 port=${otherPort} user=${BOOKS} password=${password} application_name=${application}'
wal_retrieve_retry_interval = 200ms
# With these a former primary can be wound back to where it left the other one, instead of being copied anew.
wal_log_hints = on
wal_keep_size = 512MB
# A session whose commit waits for the other one stays, even where its client has gone.
max_connections = 100
`;
}
