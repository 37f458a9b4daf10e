import { parseEvent } from "../ledger/event.ts";
import type postgres from "postgres";
import type { Sql } from "./postgres-client.ts";

type Queryable = Sql | postgres.TransactionSql<{ bigint: number }>;

/** Which of the events are not in the books with the same command at the same account and seq. */
export async function missingEvents(sql: Queryable, events: readonly string[]): Promise<string[]> {
  const missing: string[] = [];
  for (const text of events) if (!(await isKept(sql, text))) missing.push(text);
  return missing;
}

async function isKept(sql: Queryable, text: string): Promise<boolean> {
  const event = parseEvent(text);
  switch (event.type) {
    case "entry": {
      const { account, seq, id, time } = event.entry;
      const rows = await sql`
        SELECT FROM entries WHERE account = ${account} AND seq = ${seq} AND command = ${id} AND time = ${time}`;
      return rows.length > 0;
    }
    case "open": {
      const rows = await sql`SELECT FROM accounts WHERE account = ${event.account} AND command = ${event.id}`;
      return rows.length > 0;
    }
    case "limit": {
      const { account, seq, id } = event;
      const rows = await sql`
        SELECT FROM limits WHERE account = ${account} AND after_seq = ${seq} AND command = ${id}`;
      return rows.length > 0;
    }
  }
}
