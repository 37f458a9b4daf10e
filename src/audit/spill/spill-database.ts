import { Database, SQLiteError } from "bun:sqlite";
import { messageOf, StartError } from "../../errors.ts";
import tables from "./spill-tables.sql" with { type: "text" };
import { CANNOT_AUDIT } from "../unreachable-server.ts";

/** The page cache of the database of temporary tables. */
const CACHE_KIBIBYTES = 16 * 1024;

/**
 * Opens a database for data that is too large for memory. It uses little memory, and as much of the folder for temporary
 * files as needed.
 *
 * @throws StartError if that folder has no room for it
 */
export async function withSpillDatabase<T>(use: (spill: Database) => Promise<T>): Promise<T> {
  const spill = new Database(":memory:");
  try {
    spill.run(tables);
    spill.run(`PRAGMA temp.cache_size = -${CACHE_KIBIBYTES}`);
    return await use(spill);
  } catch (error) {
    if (!(error instanceof SQLiteError)) throw error;
    throw new StartError(
      `what waits in the outbox cannot be put aside in the folder for temporary files (${messageOf(error)}): ` +
        "make room there, or set TMPDIR to another one.",
      CANNOT_AUDIT,
    );
  } finally {
    spill.close();
  }
}
