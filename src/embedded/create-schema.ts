import type { Database } from "bun:sqlite";
import { noteSchema } from "./log-link.ts";
import schema from "./schema.sql" with { type: "text" };

/** The one schema version (`user_version`) that this program writes and reads. Those before had no transactions between accounts. */
export const SCHEMA_VERSION = 5;

/**
 * Gives an empty file its tables.
 *
 * @param fill what a new ledger begins with; it is written in the same transaction
 */
export function createSchema(db: Database, fill: () => void): void {
  db.transaction(() => {
    db.run(schema);
    db.run(`PRAGMA user_version = ${SCHEMA_VERSION}`);
    fill();
    noteSchema(db);
  }).immediate();
}
