import { StartError } from "../errors.ts";
import { LOCK_CLASS, MIGRATION_LOCK, type Sql } from "./postgres-client.ts";
import versions from "./migrations/000_versions.sql" with { type: "text" };
import books from "./migrations/005_books.sql" with { type: "text" };
import accessKeys from "./migrations/006_access_keys.sql" with { type: "text" };
import webhooks from "./migrations/007_webhooks.sql" with { type: "text" };
import audits from "./migrations/008_audits.sql" with { type: "text" };
import transits from "./migrations/009_transits.sql" with { type: "text" };

/** In the order in which they are applied. Append only: a released migration is never changed. */
export const MIGRATIONS: readonly string[] = [books, accessKeys, webhooks, audits, transits];

/** The first migration's. Versions before it had no journal, numbers for accounts, or no holds: they are not carried over. */
const FIRST_VERSION = 5;

export const SCHEMA_VERSION: number = FIRST_VERSION + MIGRATIONS.length - 1;

/**
 * Brings the schema of the books up to date, in one transaction, one process at a time.
 *
 * @throws StartError if a newer version wrote the books, or one before the first that is read; then nothing was changed
 */
export async function migrate(sql: Sql): Promise<void> {
  await sql.begin(async (transaction) => {
    await transaction`SELECT pg_advisory_xact_lock(${LOCK_CLASS}::int, ${MIGRATION_LOCK}::int)`;
    await transaction.unsafe(versions);
    const [row] = await transaction<{ version: number }[]>`
      SELECT coalesce(max(version), 0) AS version FROM migrations`;
    const version = row?.version ?? 0;
    if (version > SCHEMA_VERSION) {
      throw new StartError(
        `the books have schema version ${version}, this program knows versions up to ${SCHEMA_VERSION}: ` +
          "start the newer program that wrote them.",
      );
    }
    if (version > 0 && version < FIRST_VERSION) {
      throw new StartError(
        `the books are of an earlier version (schema version ${version}), which is not carried over: ` +
          "start with an empty database, or go on with the version that wrote them.",
      );
    }
    for (const [index, migration] of MIGRATIONS.entries()) {
      if (FIRST_VERSION + index <= version) continue;
      await transaction.unsafe(migration);
      await transaction`INSERT INTO migrations (version) VALUES (${FIRST_VERSION + index})`;
    }
  });
}
