import { connectPostgres } from "../../src/keep/postgres-client.ts";
import tables from "./journal-stand-in.sql" with { type: "text" };

/** Gives new books a journal, before anything is kept in them. */
export async function addJournal(databaseUrl: string): Promise<void> {
  const sql = connectPostgres({ url: databaseUrl, name: "test", connections_max: 1 });
  await sql.unsafe(tables);
  await sql.end();
}
