/**
 * The tables of 007_webhooks.sql, in PostgreSQL or in a file of SQLite. What is asked of them is written in the SQL that
 * both know, with $1, $2, ... for parameters, so that it stands once.
 */

export type Value = string | number | null;

export interface HookQueries {
  all<Row extends object>(sql: string, values?: readonly Value[]): Promise<readonly Row[]>;
}

export interface HookDatabase extends HookQueries {
  /** In one transaction, on disk when the promise resolves. What it throws takes everything back. */
  change<T>(make: (queries: HookQueries) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** Many rows in few statements. */
const ROWS_A_STATEMENT = 100;

/** @param onConflict what follows the values */
export async function insertRows(
  queries: HookQueries,
  into: string,
  rows: readonly (readonly Value[])[],
  onConflict = "",
): Promise<void> {
  for (let start = 0; start < rows.length; start += ROWS_A_STATEMENT) {
    const part = rows.slice(start, start + ROWS_A_STATEMENT);
    let parameter = 0;
    const places = part.map((row) => `(${row.map(() => `$${(parameter += 1)}`).join(", ")})`);
    await queries.all(`INSERT INTO ${into} VALUES ${places.join(", ")} ${onConflict}`, part.flat());
  }
}
