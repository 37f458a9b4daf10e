import type { BooksSize, Snapshot } from "./books-snapshot.ts";
import type { AccountTable } from "./account-table.ts";
import { DuplicateDetector } from "../duplicate-detector.ts";
import type { CompareJournal } from "../journal/compare-journal.ts";
import { EntryHash } from "../journal/entry-hash.ts";
import { TEXT_OF_ACCOUNT, TEXT_OF_LIMIT } from "../journal/event-rows.ts";
import { ACCOUNT, ENTRY, LIMIT } from "../journal/row-sums.ts";
import type { TextHash } from "../journal/text-hash.ts";
import type { ProgressEstimate } from "../progress-estimate.ts";
import { ScannedAccounts } from "./scanned-accounts.ts";

/** The result of the scan. */
export interface BooksScan {
  readonly entries: number;
  readonly accounts: ScannedAccounts;
  /** Marks of commands that more than one row may have, see DuplicateDetector. */
  readonly duplicateMarks: ReadonlySet<number>;
}

/**
 * The text of an account in Redis, without the time of its latest entry: {@link ScannedAccounts} has that. Its name is
 * behind it.
 */
const STANDING =
  "concat_ws(' ', credit_limit, balance, held, seq, unit, state, opened_at, coalesce(name, ''))";

const PROGRESS_ROWS = 100_000;

/**
 * Reads all entries, accounts and limits once, in the order in which they are on disk. In a table that only grows, that
 * is also the order of each account's entries, so it is enough to remember the latest entry of each account. If anything
 * of an account does not fit, even only because a row was moved or a limit was changed, the account is suspicious.
 *
 * Uses about 80 bytes of memory for each account, and 8 for each entry.
 *
 * @param journal has read the journal, and takes each row of the books
 */
export async function scanBooks(
  books: Snapshot,
  { size, table, hash }: { size: BooksSize; table: AccountTable; hash: TextHash },
  journal: CompareJournal,
  progress: ProgressEstimate,
): Promise<BooksScan> {
  const scanned = new ScannedAccounts(table, hash);
  const entryHash = new EntryHash(hash);
  const commands = new DuplicateDetector(size.entries + size.limits);
  let rows = 0;
  const countRow = (): void => {
    rows += 1;
    if (rows % PROGRESS_ROWS === 0) progress.did(PROGRESS_ROWS);
  };
  const account = hash.inSql("account");
  await books.scan("accounts", [account, "seq"], (row) => scanned.latestSeq(row));
  await books.scan("entries", entryHash.columns, (entry) => {
    const rowHash = entryHash.ofRow(entry);
    scanned.entry(entry, rowHash);
    commands.addHash(entry[6] ?? 0);
    journal.takeRow(ENTRY, entry[0] ?? 0, entry[1] ?? 0, rowHash);
    countRow();
  });
  const entries = rows;
  const accountColumns = [account, "seq", "balance", "credit_limit", "opened_at", hash.inSql(STANDING)];
  await books.scan("accounts", [...accountColumns, hash.inSql(TEXT_OF_ACCOUNT)], (row) => {
    scanned.account(row);
    journal.takeRow(ACCOUNT, row[0] ?? 0, 0, row[6] ?? 0);
    countRow();
  });
  const limitColumns = [account, "version::bigint", "credit_limit", "after_seq", hash.inSql(TEXT_OF_LIMIT)];
  // The limits of the initial accounts have no command.
  const command = `CASE WHEN command <> 'initial' THEN ${hash.inSql("command")} ELSE -1 END`;
  await books.scan("limits", [...limitColumns, command], (limit) => {
    scanned.limit(limit);
    journal.takeRow(LIMIT, limit[0] ?? 0, limit[1] ?? 0, limit[4] ?? 0);
    countRow();
    const commandHash = limit[5] ?? -1;
    if (commandHash !== -1) commands.addHash(commandHash);
  });
  progress.did(rows % PROGRESS_ROWS);
  return { entries, accounts: scanned, duplicateMarks: commands.candidates() };
}
