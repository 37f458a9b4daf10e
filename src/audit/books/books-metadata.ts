import { StartError } from "../../errors.ts";
import type { Snapshot } from "./books-snapshot.ts";
import type { Findings } from "../findings.ts";
import { CANNOT_AUDIT } from "../unreachable-server.ts";

/** What the books say of the system as a whole. */
export interface BooksMetadata {
  readonly epoch: string;
  readonly shards: number;
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
    "SELECT to_regclass('system') IS NOT NULL AS books, to_regclass('restores') IS NOT NULL AS restores",
  );
  const [row] =
    tables?.["books"] === true ? await books.query("SELECT epoch, shards, loaded FROM system") : [];
  if (row === undefined) {
    throw new StartError(
      "the database (DATABASE_URL) holds no books: run razonete init first.",
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
  const [cursors] = await books.query(`SELECT count(*) AS count FROM cursors WHERE shard < ${shards}`);
  if (Number(cursors?.["count"]) !== shards) {
    findings.add(
      "outbox-gap",
      null,
      null,
      `the books have ${cursors?.["count"]} cursors for ${shards} shards`,
    );
  }
  return { epoch: String(row["epoch"]), shards };
}
