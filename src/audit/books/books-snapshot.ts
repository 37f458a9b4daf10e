import type { Readable } from "node:stream";
import type postgres from "postgres";
import { connectPostgres, type Sql } from "../../keep/postgres-client.ts";
import { readBigints, readCopy, type TakeRow } from "./binary-copy-reader.ts";

/** Memory for sorting the entries of an account that has very many. */
const WORK_MEMORY = "64MB";

/** Rows as text or numbers: a damaged table may contain anything. */
export type Row = Readonly<Record<string, string | number | boolean | null>>;

/** The books at one point in time, unaffected by later commits. */
export interface Snapshot {
  readonly query: (text: string, parameters?: readonly (string | number | null)[]) => Promise<Row[]>;
  /** Streams the rows of a query, see {@link readCopy}. */
  readonly copy: (query: string, columns: number, takeRow: TakeRow) => Promise<void>;
  /** Streams the rows of a query whose columns are all of type bigint, see {@link readBigints}. */
  readonly stream: (query: string, columns: number, onRow: (row: Float64Array) => void) => Promise<void>;
}

/** How many rows the books have. */
export interface BooksSize {
  readonly accounts: number;
  readonly entries: number;
  readonly limits: number;
}

export async function measureBooks(books: Snapshot): Promise<BooksSize> {
  const [row] = await books.query(`
    SELECT (SELECT count(*) FROM entries) AS entries, (SELECT count(*) FROM limits) AS limits,
      (SELECT count(*) FROM accounts) AS accounts`);
  return {
    entries: Number(row?.["entries"]),
    limits: Number(row?.["limits"]),
    accounts: Number(row?.["accounts"]),
  };
}

/** Reads the books in a read-only transaction without a time-out. */
export async function inSnapshot<T>(sql: Sql, read: (snapshot: Snapshot) => Promise<T>): Promise<T> {
  const holder: { result?: { readonly value: T } } = {};
  await sql.begin("ISOLATION LEVEL REPEATABLE READ READ ONLY", async (transaction) => {
    await transaction.unsafe(`SET LOCAL statement_timeout = 0; SET LOCAL work_mem = '${WORK_MEMORY}'`);
    // The snapshot is taken at the first query.
    await transaction`SELECT txid_current_if_assigned()`;
    holder.result = { value: await read(readerOf(transaction)) };
  });
  if (holder.result === undefined) throw new Error("the transaction ended before it began");
  return holder.result.value;
}

/** The books within a transaction, which decides what is seen of them. */
export function readerOf(transaction: postgres.TransactionSql<{ bigint: number }>): Snapshot {
  const source = (text: string): Promise<Readable> =>
    transaction.unsafe(`COPY (${text}) TO STDOUT (FORMAT binary)`).readable();
  return {
    query: async (text, parameters = []) => transaction.unsafe<Row[]>(text, [...parameters]),
    copy: async (text, columns, takeRow) => readCopy(await source(text), columns, takeRow),
    stream: async (text, columns, onRow) => readBigints(await source(text), columns, onRow),
  };
}

/** The connections of an audit: one for a snapshot, one for other queries. */
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
