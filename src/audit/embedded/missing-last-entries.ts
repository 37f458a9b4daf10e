import type { Database } from "bun:sqlite";
import type { Findings } from "../findings.ts";

interface MissingLastEntries {
  readonly account: number;
  /** The seq of its latest entry; 0 if it has none. */
  readonly last: number;
  /** The highest seq of it that is mentioned elsewhere in the file. */
  readonly known: number;
  /** The command whose outcome mentions it; null if a limit does. */
  readonly command: string | null;
}

/**
 * If an account's last entries are missing, the remaining entries show no gap. But a limit has the seq of the entry that
 * was the latest when it was set, and the outcome that is remembered for a client's key has the account's seq after it.
 * The query returns only rows with a higher seq than the entries have; if all is well, there are none. With max(known),
 * SQLite takes the other columns from the same row.
 */
const MISSING_LAST_ENTRIES = `
  SELECT account, last, max(known) AS known, command FROM (
    SELECT account, known, command,
      coalesce((SELECT max(seq) FROM entries WHERE entries.account = later.account), 0) AS last
    FROM (
      SELECT account, after_seq AS known, NULL AS command FROM limits WHERE after_seq > 0
      UNION ALL
      SELECT CAST(outcome ->> '$.account.id' AS INTEGER), CAST(outcome ->> '$.account.seq' AS INTEGER), command
      FROM outcomes WHERE CASE WHEN json_valid(outcome) THEN outcome ->> '$.type' END = 'accepted'
    ) AS later
  ) WHERE known > last GROUP BY account`;

/** Finds accounts whose last entries are missing, as far as limits and remembered outcomes tell. */
export function findMissingLastEntries(db: Database, findings: Findings): void {
  for (const { account, last, known, command } of db
    .query<MissingLastEntries, []>(MISSING_LAST_ENTRIES)
    .iterate()) {
    const missing = known - last;
    const what = missing === 1 ? "the entry is missing" : `${missing} entries are missing from here on`;
    const evidence =
      command === null
        ? `a limit was changed behind seq ${known}`
        : `the remembered outcome of ${command} has the account at seq ${known}`;
    findings.add("seq-gap", account, last + 1, `${what}: ${evidence}`);
  }
}
