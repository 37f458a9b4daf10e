import type postgres from "postgres";
import { connectPostgres, type Sql } from "../keep/connect.ts";

/** Rows as text or numbers: what is read of a damaged table may be anything. */
export type Row = Readonly<Record<string, string | number | boolean | null>>;

/** One moment of the books, which nothing that is committed later changes. */
export interface Snapshot {
  /** PostgreSQL's name of the moment, for another connection to look at the same one. */
  readonly id: string;
  readonly query: (text: string, parameters?: readonly (string | number | null)[]) => Promise<Row[]>;
}

/**
 * Looks at the books in a transaction that cannot change anything, however long it takes.
 *
 * @param id of another snapshot that is still open; a new moment where it is not given
 */
export async function inSnapshot<T>(
  sql: Sql,
  look: (snapshot: Snapshot) => Promise<T>,
  id?: string,
): Promise<T> {
  const holder: { result?: { readonly value: T } } = {};
  await sql.begin("ISOLATION LEVEL REPEATABLE READ READ ONLY", async (transaction) => {
    if (id !== undefined) await transaction.unsafe(`SET TRANSACTION SNAPSHOT '${id}'`);
    // Ranges of entries are sorted in memory, as far as they fit.
    await transaction.unsafe("SET LOCAL statement_timeout = 0; SET LOCAL work_mem = '64MB'");
    const [row] = await transaction<{ id: string }[]>`SELECT pg_export_snapshot() AS id`;
    const query = (text: string, parameters: readonly (string | number | null)[] = []): Promise<Row[]> =>
      rows(transaction, text, parameters);
    holder.result = { value: await look({ id: row?.id ?? "", query }) };
  });
  if (holder.result === undefined) throw new Error("the transaction ended before it began");
  return holder.result.value;
}

async function rows(
  transaction: postgres.TransactionSql<{ bigint: number }>,
  text: string,
  parameters: readonly (string | number | null)[],
): Promise<Row[]> {
  return transaction.unsafe<Row[]>(text, [...parameters]);
}

/** Connections of an audit: one for the chains, one for what can be looked at beside them. */
export function connectBooks(databaseUrl: string): Sql {
  return connectPostgres({ url: databaseUrl, name: "razonete audit", connections_max: 3 });
}

export function big(value: Row[string] | undefined): bigint {
  if (value === null || value === undefined) throw new Error("a number is missing");
  return BigInt(value);
}

export function bigOrNull(value: Row[string] | undefined): bigint | null {
  return value === null || value === undefined ? null : BigInt(value);
}
