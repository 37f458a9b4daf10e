import type { Database } from "bun:sqlite";
import type { Findings } from "../findings.ts";

interface MissingLastEntries {
  readonly account: number;
  /** Of its latest entry; 0 where it has none. */
  readonly last: number;
  /** The highest that something else in the file knows of. */
  readonly known: number;
  /** The command whose outcome has it; null where a limit does. */
  readonly command: string | null;
}

/**
 * Nothing follows an account's last entry, so that no entry misses it. But a limit stands behind the entry that was the
 * latest then, and the outcome that is remembered for a client's key says at what seq it left the account. Only rows
 * that know more than the entries are taken out of the query: none, where all is well. SQLite takes `known` and the
 * columns beside it from the same row.
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
