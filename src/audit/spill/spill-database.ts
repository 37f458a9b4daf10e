import { Database, SQLiteError } from "bun:sqlite";
import { messageOf, StartError } from "../../errors.ts";
import tables from "./spill-tables.sql" with { type: "text" };
import { CANNOT_AUDIT } from "../unreachable-server.ts";

/** Of each of the two: the named tables, of which there are none, and the temporary ones. */
const CACHE_KIBIBYTES = 16 * 1024;

/**
 * Hands out room for what has to be put aside: as much as the folder for temporary files takes, and little memory.
 *
 * @throws StartError where it does not take it
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
