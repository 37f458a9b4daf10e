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
    await queries.all(`INSERT INTO ${into} ${valuesOf(part)} ${onConflict}`, part.flat());
  }
}

/**
 * The text `VALUES ($1, $2), ($3, $4)`, for rows that are given as one list. Of a table of them the columns are called
 * column1, column2, ... in both.
 *
 * @param first the number of the first parameter
 * @param types of the columns, where nothing else tells PostgreSQL
 */
export function valuesOf(
  rows: readonly (readonly Value[])[],
  first = 1,
  types: readonly string[] = [],
): string {
  let parameter = first - 1;
  const place = (type: string | undefined): string => {
    parameter += 1;
    return type === undefined ? `$${parameter}` : `CAST($${parameter} AS ${type})`;
  };
  // The types of the first row are those of all.
  const texts = rows.map(
    (row, at) => `(${row.map((_, column) => place(at === 0 ? types[column] : undefined)).join(", ")})`,
  );
  return `VALUES ${texts.join(", ")}`;
}
