import { Database } from "bun:sqlite";
import { z } from "zod";
import { connectPostgres } from "../../../src/keep/postgres-client.ts";
import { parseEvent } from "../../../src/ledger/event.ts";
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

/** Everything in the file of an embedded ledger, which may be running. It has no history of limits: the journal has. */
export function readFileBooks(path: string): BooksSnapshot {
  const db = new Database(path, { readonly: true });
  try {
    // All as of one moment.
    return db.transaction(() => {
      const journal = db
        .query<FileJournalRow, []>(
          "SELECT g, time, events, lower(hex(previous)) AS previous, lower(hex(hash)) AS hash FROM journal ORDER BY g",
        )
        .all()
        .map(({ events, ...row }) => ({
          ...row,
          shard: 0,
          events: z.array(z.string()).parse(JSON.parse(events)),
        }));
      const limits = limitsIn(journal.flatMap(({ events }) => events));
      const accounts = db
        .query<Omit<Rows<"accounts">[number], "command">, []>(
          "SELECT account, name FROM accounts ORDER BY account",
        )
        .all()
        .map((row) => ({ ...row, command: limits.get(row.account)?.[0]?.command ?? "" }));
      const entries = db
        .query<Omit<Rows<"entries">[number], "creditLimit">, []>(ENTRIES_OF_FILE)
        .all()
        .map((row) => ({
          ...row,
          creditLimit:
            limits.get(row.account)?.findLast(({ afterSeq }) => afterSeq < row.seq)?.creditLimit ?? -1,
        }));
      return {
        accounts,
        entries,
        limits: accounts.flatMap(({ account }) => limits.get(account) ?? []),
        journal,
      };
    })();
  } finally {
    db.close();
  }
}

/** Every limit of each account, in order. */
function limitsIn(events: readonly string[]): Map<string, Rows<"limits">> {
  const limits = new Map<string, Rows<"limits">>();
  for (const event of events.map(parseEvent)) {
    if (event.type === "open") {
      const { account, creditLimit, id: command } = event;
      limits.set(account, [{ account, version: 1, creditLimit, afterSeq: 0, command }]);
    } else if (event.type === "change") {
      const { id: account, creditLimit, seq: afterSeq } = event.account;
      const known = limits.get(account) ?? [];
      if (known.at(-1)?.creditLimit === creditLimit) continue;
      known.push({ account, version: known.length + 1, creditLimit, afterSeq, command: event.id });
    }
  }
  return limits;
}

interface FileJournalRow extends Omit<Rows<"journal">[number], "shard" | "events"> {
  /** JSON. */
  readonly events: string;
}

const ENTRIES_OF_FILE = `
  SELECT account, seq, CASE WHEN amount > 0 THEN 'credit' ELSE 'debit' END AS kind, abs(amount) AS value, balance,
    description, command, time
  FROM entries ORDER BY account, seq`;
