import { StartError } from "../errors.ts";
import { LOCK_CLASS, MIGRATION_LOCK, type Sql } from "./postgres-client.ts";
import versions from "./migrations/000_versions.sql" with { type: "text" };
import books from "./migrations/001_books.sql" with { type: "text" };
import restore from "./migrations/002_restore.sql" with { type: "text" };

/** In the order in which they are applied. Append only: a released migration is never changed. */
export const MIGRATIONS: readonly string[] = [books, restore];

export const SCHEMA_VERSION: number = MIGRATIONS.length;

/**
 * Brings the schema of the books up to date, in one transaction, one process at a time.
 *
 * @throws StartError if a newer version wrote the books
 */
export async function migrate(sql: Sql): Promise<void> {
  await sql.begin(async (transaction) => {
    await transaction`SELECT pg_advisory_xact_lock(${LOCK_CLASS}::int, ${MIGRATION_LOCK}::int)`;
    await transaction.unsafe(versions);
    const [row] = await transaction<{ version: number }[]>`
      SELECT coalesce(max(version), 0) AS version FROM migrations`;
    const version = row?.version ?? 0;
    if (version > MIGRATIONS.length) {
      throw new StartError(
        `the books have schema version ${version}, this program knows versions up to ${MIGRATIONS.length}: ` +
          "start the newer program that wrote them.",
      );
    }
    for (const [index, migration] of MIGRATIONS.entries()) {
      if (index < version) continue;
      await transaction.unsafe(migration);
      await transaction`INSERT INTO migrations (version) VALUES (${index + 1})`;
    }
  });
}
