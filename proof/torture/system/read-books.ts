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
        SELECT account, name, command FROM accounts ORDER BY account`;
      const limits = await snapshot<Rows<"limits">>`
        SELECT account, version, credit_limit AS "creditLimit", after_seq AS "afterSeq", command
        FROM limits ORDER BY account, version`;
      const entries: Rows<"entries"> = [];
      // In pieces, since each statement has a time-out.
      const reading = snapshot<Rows<"entries">>`
        SELECT account, seq, kind, value, balance, credit_limit AS "creditLimit", description, command, time
        FROM entries ORDER BY account, seq`.cursor(ROWS_AT_ONCE);
      for await (const rows of reading) for (const row of rows) entries.push(row);
      const journal: Rows<"journal"> = [];
      const batches = snapshot<Rows<"journal">>`
        SELECT shard, g, time, array_to_json(events) AS events, encode(previous, 'hex') AS previous,
          encode(hash, 'hex') AS hash
        FROM journal ORDER BY shard, g`.cursor(ROWS_AT_ONCE);
      for await (const rows of batches) for (const row of rows) journal.push(row);
      return { accounts: [...accounts], entries, limits: [...limits], journal };
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
      accounts: db
        .query<Rows<"accounts">[number], []>("SELECT account, name, command FROM accounts ORDER BY account")
        .all(),
      entries: db.query<Rows<"entries">[number], []>(ENTRIES_OF_FILE).all(),
      limits: db
        .query<Rows<"limits">[number], []>(
          `SELECT account, version, credit_limit AS creditLimit, after_seq AS afterSeq, command
           FROM limits ORDER BY account, version`,
        )
        .all(),
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

// The limit in force for an entry is the latest version that was set before it.
const ENTRIES_OF_FILE = `
  SELECT e.account, e.seq, e.kind, e.value, e.balance, e.description, e.command, e.time,
    (SELECT l.credit_limit FROM limits AS l WHERE l.account = e.account AND l.after_seq < e.seq
     ORDER BY l.version DESC LIMIT 1) AS creditLimit
  FROM entries AS e ORDER BY e.account, e.seq`;
