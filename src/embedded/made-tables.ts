import type { Database } from "bun:sqlite";
import { StartError } from "../errors.ts";

const PREFIX = "made_";

/** The table that is made anew, beside the one that is there. */
export function madeTable(table: string): string {
  return `${PREFIX}${table}`;
}

/** What the tables' names are put behind for {@link prepareKeeping}. */
export const MADE_PREFIX: string = PREFIX;

/**
 * Makes a table like the one that is there, without rows and indexes.
 *
 * @param isTemporary whether it is only this connection's, which may be one that only reads
 */
export function makeTable(db: Database, table: string, isTemporary: boolean): void {
  const found = db
    .query<{ sql: string }, [string]>("SELECT sql FROM main.sqlite_master WHERE type = 'table' AND name = ?")
    .get(table);
  if (found === null) throw new StartError(`the table ${table} is missing: put back a backup.`);
  // Once it was renamed, SQLite has its name in quotes.
  const head = new RegExp(`^CREATE TABLE "?${table}"?`);
  db.run(found.sql.replace(head, `CREATE ${isTemporary ? "TEMP " : ""}TABLE ${madeTable(table)}`));
}

/** The keys of rows that are not the same in a table and in the one that was made anew. */
export function differingKeys(table: string, key: string): string {
  const there = `SELECT * FROM main.${table}`;
  const made = `SELECT * FROM ${madeTable(table)}`;
  return `SELECT ${key} FROM (${there} EXCEPT ${made}) UNION SELECT ${key} FROM (${made} EXCEPT ${there})`;
}

/** The values of a key. */
export type Key = Readonly<Record<string, string | number>>;

/** A row as text; `null` if there is none. */
export function rowText(db: Database, table: string, key: Key): string | null {
  const where = Object.keys(key).map((column) => `${column} = ?`);
  const row = db
    .query<Record<string, string | number | null>, (string | number)[]>(
      `SELECT * FROM ${table} WHERE ${where.join(" AND ")}`,
    )
    .get(...Object.values(key));
  return row === null ? null : valuesText(Object.values(row));
}

export function valuesText(values: readonly (string | number | null)[]): string {
  return `(${values.map((value) => value ?? "NULL").join(",")})`;
}
