import { faultOfSettings } from "../decide/server-settings.ts";
import type { Sql } from "./postgres-client.ts";
import { standbyFault } from "./standby/standby-settings.ts";

/**
 * Asks PostgreSQL, over a session of ours, for the settings that the ledger's promise stands on: what it has committed
 * is removed from the outbox. docs/operations.md lists them.
 *
 * @param durable false accepts a PostgreSQL that may lose committed rows when the machine loses its power
 * @param standbys_min for so many standbys a commit has to wait
 * @returns why it must not be used as it is set, for a person; null if it may
 */
export async function readPostgresFault(
  sql: Sql,
  durable: boolean,
  standbys_min = 0,
): Promise<string | null> {
  const [row] = await sql<Settings[]>`
    SELECT current_setting('fsync') AS fsync, current_setting('full_page_writes') AS full_page_writes,
      current_setting('synchronous_commit') AS synchronous_commit, pg_is_in_recovery() AS standby,
      current_setting('synchronous_standby_names') AS synchronous_standby_names`;
  if (row === undefined || row.standby) {
    return "PostgreSQL is a standby, whose books may be old: set DATABASE_URL to the primary, or promote this one";
  }
  const fault = faultOfSettings(
    "PostgreSQL may lose what it has committed",
    [
      { name: "fsync", value: row.fsync, wanted: "on", relaxable: true },
      { name: "full_page_writes", value: row.full_page_writes, wanted: "on", relaxable: true },
      {
        name: "synchronous_commit",
        // With every other value a commit waits for this server's own disk; they differ in what else it waits for.
        value: row.synchronous_commit === "off" ? "off" : "on",
        wanted: "on",
        relaxable: true,
      },
    ],
    durable,
  );
  return fault ?? standbyFault(row, standbys_min);
}

interface Settings {
  readonly fsync: string;
  readonly full_page_writes: string;
  readonly synchronous_commit: string;
  readonly synchronous_standby_names: string;
  readonly standby: boolean;
}
