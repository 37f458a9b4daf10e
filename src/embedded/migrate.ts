import type { Database } from "bun:sqlite";
import { StartError } from "../errors.ts";
import ledger from "./migrations/001_ledger.sql" with { type: "text" };

/** In the order in which they are applied. Append only: a released migration is never changed. */
const MIGRATIONS: readonly string[] = [ledger];

/**
 * Brings the schema of the file up to date, in one transaction. `user_version` counts the applied migrations.
 *
 * @param onCreated runs in the same transaction if the file had no schema yet
 * @throws StartError if a newer version wrote the file
 */
export function migrate(db: Database, onCreated: () => void): void {
  const version = db.query<{ user_version: number }, []>("PRAGMA user_version").get()?.user_version ?? 0;
  if (version > MIGRATIONS.length) {
    throw new StartError(
      `the data file has schema version ${version}, this program knows versions up to ${MIGRATIONS.length}: ` +
        "start the newer program that wrote it.",
    );
  }
  if (version === MIGRATIONS.length) return;
  db.transaction(() => {
    for (const migration of MIGRATIONS.slice(version)) db.run(migration);
    db.run(`PRAGMA user_version = ${MIGRATIONS.length}`);
    if (version === 0) onCreated();
  }).immediate();
}
