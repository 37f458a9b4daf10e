import { StartError } from "../../errors.ts";
import type { Snapshot } from "./books-snapshot.ts";
import type { Findings } from "../findings.ts";
import { CANNOT_AUDIT } from "../unreachable-server.ts";

/** What the books say of the system as a whole. */
export interface BooksMetadata {
  readonly epoch: string;
  readonly shards: number;
  /** By shard, the latest batch that is kept. */
  readonly cursors: ReadonlyMap<number, number>;
}

/**
 * @param duringRestore true: it is not a finding that Redis is not loaded yet
 * @throws StartError if there are no books
 */
export async function readBooksMetadata(
  books: Snapshot,
  findings: Findings,
  duringRestore: boolean,
): Promise<BooksMetadata> {
  const [tables] = await books.query(
    `SELECT to_regclass('system') IS NOT NULL AS books, to_regclass('restores') IS NOT NULL AS restores,
       to_regclass('journal') IS NOT NULL AS journal, to_regclass('parts') IS NOT NULL AS parts`,
  );
  const [row] =
    tables?.["books"] === true ? await books.query("SELECT epoch, shards, loaded FROM system") : [];
  if (row === undefined) {
    throw new StartError(
      "the database (DATABASE_URL) holds no books: run razonete init first.",
      CANNOT_AUDIT,
    );
  }
  if (tables?.["journal"] !== true) {
    throw new StartError(
      "the database (DATABASE_URL) has no journal: its books are of an earlier version, audit them with that one.",
      CANNOT_AUDIT,
    );
  }
  if (tables["parts"] !== true) {
    throw new StartError(
      "the books in the database (DATABASE_URL) are of an earlier version: run razonete init, which brings them up to date.",
      CANNOT_AUDIT,
    );
  }
  if (!duringRestore) {
    const unfinished =
      tables?.["restores"] === true
        ? await books.query("SELECT 1 AS one FROM restores WHERE finished_at IS NULL")
        : [];
    if (unfinished.length > 0) {
      findings.add(
        "redis-other",
        null,
        null,
        "a restore has begun and is not finished: run razonete restore",
      );
    } else if (row["loaded"] !== true) {
      findings.add("redis-other", null, null, "Redis was not loaded from the books yet: run razonete init");
    }
  }
  const shards = Number(row["shards"]);
  const rows = await books.query(`SELECT shard, last_g::text FROM cursors WHERE shard < ${shards}`);
  if (rows.length !== shards) {
    findings.add("outbox-gap", null, null, `the books have ${rows.length} cursors for ${shards} shards`);
  }
  const cursors = new Map(rows.map((cursor) => [Number(cursor["shard"]), Number(cursor["last_g"])]));
  return { epoch: String(row["epoch"]), shards, cursors };
}
