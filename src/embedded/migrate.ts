import type { Database } from "bun:sqlite";
import ledger from "./migrations/001_ledger.sql" with { type: "text" };
import logLink from "./migrations/002_log_link.sql" with { type: "text" };

/** In the order in which they are applied. Append only: a released migration is never changed. */
const MIGRATIONS: readonly string[] = [ledger, logLink];

/** The schema version that this program writes, and the latest that it can read. */
export const SCHEMA_VERSION = MIGRATIONS.length;

/**
 * Brings the schema of the file up to date, in one transaction. `user_version` counts the applied migrations.
 *
 * @param onCreated runs in the same transaction if the file had no schema yet
 */
export function migrate(db: Database, onCreated: () => void): void {
  const version = db.query<{ user_version: number }, []>("PRAGMA user_version").get()?.user_version ?? 0;
  if (version === SCHEMA_VERSION) return;
  db.transaction(() => {
    for (const migration of MIGRATIONS.slice(version)) db.run(migration);
    db.run(`PRAGMA user_version = ${SCHEMA_VERSION}`);
    if (version === 0) onCreated();
  }).immediate();
}
