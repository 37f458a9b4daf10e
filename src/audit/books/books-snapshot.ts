import type postgres from "postgres";
import { connectPostgres, type Sql } from "../../keep/postgres-client.ts";
import { readBinaryCopy } from "./binary-copy-reader.ts";

/** What an account with very many entries is sorted in. */
const WORK_MEMORY = "64MB";

/** Rows as text or numbers: what is read of a damaged table may be anything. */
export type Row = Readonly<Record<string, string | number | boolean | null>>;

/** One moment of the books, which nothing that is committed later changes. */
export interface Snapshot {
  readonly query: (text: string, parameters?: readonly (string | number | null)[]) => Promise<Row[]>;
  /** Streams the rows of a query whose columns are all of the type bigint, see {@link RowReader}. */
  readonly stream: (query: string, columns: number, onRow: (row: Float64Array) => void) => Promise<void>;
}

/** Looks at the books in a transaction that cannot change anything, however long it takes. */
export async function inSnapshot<T>(sql: Sql, read: (snapshot: Snapshot) => Promise<T>): Promise<T> {
  const holder: { result?: { readonly value: T } } = {};
  await sql.begin("ISOLATION LEVEL REPEATABLE READ READ ONLY", async (transaction) => {
    await transaction.unsafe(`SET LOCAL statement_timeout = 0; SET LOCAL work_mem = '${WORK_MEMORY}'`);
    // The first query that reads is what fixes the moment.
    await transaction`SELECT txid_current_if_assigned()`;
    const query = (text: string, parameters: readonly (string | number | null)[] = []): Promise<Row[]> =>
      rows(transaction, text, parameters);
    const stream = async (text: string, columns: number, onRow: (row: Float64Array) => void): Promise<void> =>
      readBinaryCopy(
        await transaction.unsafe(`COPY (${text}) TO STDOUT (FORMAT binary)`).readable(),
        columns,
        onRow,
      );
    holder.result = { value: await read({ query, stream }) };
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

/** Connections of an audit: one for a snapshot, one for questions beside it. */
export function connectBooks(databaseUrl: string): Sql {
  return connectPostgres({ url: databaseUrl, name: "razonete audit", connections_max: 2 });
}

export function big(value: Row[string] | undefined): bigint {
  if (value === null || value === undefined) throw new Error("a number is missing");
  return BigInt(value);
}

export function bigOrNull(value: Row[string] | undefined): bigint | null {
  return value === null || value === undefined ? null : BigInt(value);
}
