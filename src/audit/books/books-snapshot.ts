import type { Readable } from "node:stream";
import type postgres from "postgres";
import { connectPostgres, type Sql } from "../../keep/postgres-client.ts";
import { readCopy, readPackedBigints, type TakeRow } from "./binary-copy-reader.ts";

/** Memory for sorting the entries of an account that has very many. */
const WORK_MEMORY = "64MB";

/** Rows as text or numbers: a damaged table may contain anything. */
export type Row = Readonly<Record<string, string | number | boolean | null>>;

/** The books at one point in time, unaffected by later commits. */
export interface Snapshot {
  readonly query: (text: string, parameters?: readonly (string | number | null)[]) => Promise<Row[]>;
  /** Streams the rows of a query, see {@link readCopy}. */
  readonly copy: (query: string, columns: number, takeRow: TakeRow) => Promise<void>;
  /**
   * Streams all rows of a table, which is called `e`, in the order in which they are on disk. The columns are SQL for
   * bigints, none of them NULL; see {@link readPackedBigints}.
   */
  readonly scan: (
    table: string,
    columns: readonly string[],
    onRow: (row: Float64Array) => void,
  ) => Promise<void>;
}

/** How many rows the books have. */
export interface BooksSize {
  readonly accounts: number;
  readonly entries: number;
  readonly limits: number;
  readonly holds: number;
}

export async function measureBooks(books: Snapshot): Promise<BooksSize> {
  const [row] = await books.query(`
    SELECT (SELECT count(*) FROM entries) AS entries, (SELECT count(*) FROM limits) AS limits,
      (SELECT count(*) FROM accounts) AS accounts, (SELECT count(*) FROM holds) AS holds`);
  return {
    entries: Number(row?.["entries"]),
    limits: Number(row?.["limits"]),
    holds: Number(row?.["holds"]),
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
    scan: async (table, columns, onRow) =>
      readPackedBigints(await source(packedRows(table, columns)), columns.length, onRow),
  };
}

/** Pages of a table whose rows come as one: some hundred rows, in about as many bytes as one read of a connection has. */
const PAGES_AT_ONCE = 8;

/** SQL for all rows of a table, each column of many rows as an array. */
function packedRows(table: string, columns: readonly string[]): string {
  return `
    SELECT packed.* FROM
      generate_series(0, pg_relation_size('${table}') / current_setting('block_size')::bigint, ${PAGES_AT_ONCE}) AS page,
      LATERAL (
        SELECT ${columns.map((column) => `array_agg(${column})`).join(", ")} FROM ${table} AS e
        WHERE e.ctid >= format('(%s,0)', page)::tid AND e.ctid < format('(%s,0)', page + ${PAGES_AT_ONCE})::tid
      ) AS packed`;
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
