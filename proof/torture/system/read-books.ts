import { Database } from "bun:sqlite";
import { z } from "zod";
import { connectPostgres } from "../../../src/keep/postgres-client.ts";
import type { BooksSnapshot } from "./system-under-test.ts";

const ROWS_AT_ONCE = 5_000;

type Rows<Key extends keyof BooksSnapshot> = BooksSnapshot[Key][number][];

/** Everything in the books of a cluster, as of one moment. */
export async function readBooks(databaseUrl: string): Promise<BooksSnapshot> {
  const sql = connectPostgres({ url: databaseUrl, name: "razonete torture", connections_max: 1 });
  try {
    return await sql.begin("ISOLATION LEVEL REPEATABLE READ READ ONLY", async (snapshot) => {
      const accounts = await snapshot<Rows<"accounts">>`
        SELECT account, unit, state, credit_limit AS "creditLimit", balance, held, seq
        FROM accounts ORDER BY account`;
      const entries: Rows<"entries"> = [];
      // In pieces, since each statement has a time-out.
      const reading = snapshot<Rows<"entries">>`
        SELECT account, seq, kind, value, balance, description, command, time, counterparty, reference, shard, g, event
        FROM entries ORDER BY account, seq`.cursor(ROWS_AT_ONCE);
      for await (const rows of reading) for (const row of rows) entries.push(row);
      const holds = await snapshot<Rows<"holds">>`
        SELECT shard, g, event, account, recipient AS "to", amount, captured, state, expires_at AS "expiresAt" FROM holds`;
      const reversals = await snapshot<Rows<"reversals">>`SELECT reversed, reversal FROM reversals`;
      const journal: Rows<"journal"> = [];
      const batches = snapshot<Rows<"journal">>`
        SELECT shard, g, time, array_to_json(events) AS events, encode(previous, 'hex') AS previous,
          encode(hash, 'hex') AS hash
        FROM journal ORDER BY shard, g`.cursor(ROWS_AT_ONCE);
      for await (const rows of batches) for (const row of rows) journal.push(row);
      return { accounts: [...accounts], entries, holds: [...holds], reversals: [...reversals], journal };
    });
  } finally {
    await sql.end({ timeout: 1 });
  }
}

/** Everything in the file of an embedded ledger, which may be running. */
export function readFileBooks(path: string): BooksSnapshot {
  const db = new Database(path, { readonly: true });
  try {
    // All as of one moment.
    return db.transaction(() => ({
      accounts: db.query<Rows<"accounts">[number], []>(ACCOUNTS_OF_FILE).all(),
      entries: db.query<Rows<"entries">[number], []>(ENTRIES_OF_FILE).all(),
      holds: db.query<Rows<"holds">[number], []>(HOLDS_OF_FILE).all(),
      reversals: db.query<Rows<"reversals">[number], []>("SELECT reversed, reversal FROM reversals").all(),
      journal: db
        .query<FileJournalRow, []>(
          "SELECT g, time, events, lower(hex(previous)) AS previous, lower(hex(hash)) AS hash FROM journal ORDER BY g",
        )
        .all()
        .map(({ events, ...row }) => ({
          ...row,
          shard: 0,
          events: z.array(z.string()).parse(JSON.parse(events)),
        })),
    }))();
  } finally {
    db.close();
  }
}

interface FileJournalRow extends Omit<Rows<"journal">[number], "shard" | "events"> {
  /** JSON. */
  readonly events: string;
}

/** The balance is that of the latest entry. */
const ACCOUNTS_OF_FILE = `
  SELECT a.account, unit, state, credit_limit AS creditLimit, coalesce(e.balance, 0) AS balance, held,
    coalesce(e.seq, 0) AS seq
  FROM accounts AS a LEFT JOIN entries AS e
    ON e.account = a.account AND e.seq = (SELECT max(seq) FROM entries WHERE account = a.account)
  ORDER BY a.account`;

const ENTRIES_OF_FILE = `
  SELECT account, seq, CASE WHEN amount > 0 THEN 'credit' ELSE 'debit' END AS kind, abs(amount) AS value, balance,
    description, command, time, counterparty, reference, 0 AS shard, g, place AS event
  FROM entries ORDER BY account, seq`;

const HOLDS_OF_FILE = `
  SELECT 0 AS shard, g, place AS event, account, counterparty AS "to", amount, captured, state, expires_at AS expiresAt FROM holds`;
