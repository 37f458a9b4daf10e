import type { BooksSize, Snapshot } from "./books-snapshot.ts";
import type { AccountTable } from "./account-table.ts";
import { DuplicateDetector } from "../duplicate-detector.ts";
import { idInSql, isNamedInSql } from "../events.ts";
import type { CompareJournal } from "../journal/compare-journal.ts";
import { EntryHash } from "../journal/entry-hash.ts";
import {
  ACCOUNT,
  DETAILS,
  ENTRY,
  HOLD,
  HOLD_END,
  LIMIT,
  PART,
  PART_END,
  REVERSAL,
  STANDING,
  TRANSIT,
} from "../journal/row-sums.ts";
import { sourceOf } from "../journal/row-texts.ts";
import type { TextHash } from "../journal/text-hash.ts";
import type { ProgressEstimate } from "../progress-estimate.ts";
import { ScannedAccounts } from "./scanned-accounts.ts";

/** The result of the scan. */
export interface BooksScan {
  readonly entries: number;
  readonly accounts: ScannedAccounts;
  /** Marks of commands that more than one event may have, see DuplicateDetector. */
  readonly duplicateMarks: ReadonlySet<number>;
}

/**
 * The text of an account in Redis, without the time of its latest entry: {@link ScannedAccounts} has that. Its opening
 * and details are behind it.
 */
const STATE =
  "concat_ws(' ', credit_limit, balance, held, seq, unit, state, opened_at, opening, metadata::text, name)";

const PROGRESS_ROWS = 100_000;

/**
 * Reads all entries, accounts and limits once, in the order in which they are on disk. In a table that only grows, that
 * is also the order of each account's entries, so it is enough to remember the latest entry of each account. If anything
 * of an account does not fit, even only because a row was moved or a limit was changed, the account is suspicious.
 *
 * Uses about 80 bytes of memory for each account.
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
  const commands = new DuplicateDetector(size.entries + size.limits + size.holds);
  /** Of the entry before: the entries of one event have one command. */
  let [shard, g, event] = [-1, -1, -1];
  let rows = 0;
  const countRow = (): void => {
    rows += 1;
    if (rows % PROGRESS_ROWS === 0) progress.did(PROGRESS_ROWS);
  };
  const account = hash.inSql("account");
  await books.scan("accounts", [account, "seq"], (row) => scanned.latestSeq(row));
  // A command under another name is the same one. Where it has none, the hash of the entry has that of its id already.
  const [namedId, id] = [idInSql("e.command"), idInSql("command")];
  const ofNamed = `CASE WHEN ${isNamedInSql("e.command")} THEN ${hash.inSql(namedId)} ELSE -1 END`;
  await books.scan("entries", [...entryHash.columns, ofNamed], (entry) => {
    entryHash.setRow(entry);
    scanned.entry(entry, entryHash);
    if (entry[10] !== event || entry[9] !== g || entry[8] !== shard)
      commands.addHash((entry[12] === -1 ? entry[6] : entry[12]) ?? 0);
    shard = entry[8] ?? 0;
    g = entry[9] ?? 0;
    event = entry[10] ?? 0;
    journal.takeRow(ENTRY, entry[0] ?? 0, entry[1] ?? 0, entryHash.hash);
    countRow();
  });
  const entries = rows;
  const accountColumns = [account, "seq", "balance", "credit_limit", "opened_at", hash.inSql(STATE)];
  const [opened, details, standing] = ([ACCOUNT, DETAILS, STANDING] as const).map((kind) =>
    hash.inSql(sourceOf(kind).text),
  );
  await books.scan("accounts", [...accountColumns, opened ?? "", details ?? "", standing ?? ""], (row) => {
    scanned.account(row);
    journal.takeRow(ACCOUNT, row[0] ?? 0, 0, row[6] ?? 0);
    journal.takeRow(DETAILS, row[0] ?? 0, 0, row[7] ?? 0);
    journal.takeRow(STANDING, row[0] ?? 0, 0, row[8] ?? 0);
    countRow();
  });
  const limitText = hash.inSql(sourceOf(LIMIT).text);
  const limitColumns = [account, "version::bigint", "credit_limit", "after_seq", limitText];
  // The limits of the initial accounts have no command.
  const command = `CASE WHEN command <> 'initial' THEN ${hash.inSql(id)} ELSE -1 END`;
  await books.scan("limits", [...limitColumns, command], (limit) => {
    scanned.limit(limit);
    journal.takeRow(LIMIT, limit[0] ?? 0, limit[1] ?? 0, limit[4] ?? 0);
    countRow();
    const commandHash = limit[5] ?? -1;
    if (commandHash !== -1) commands.addHash(commandHash);
  });
  const [hold, end, reversal] = [sourceOf(HOLD), sourceOf(HOLD_END), sourceOf(REVERSAL)];
  const ended = `CASE WHEN ${end.where} THEN ${hash.inSql(end.text)} ELSE -1 END`;
  await books.scan("holds", [hash.inSql(hold.key), hash.inSql(hold.text), ended, hash.inSql(id)], (row) => {
    const [key = 0, text = 0, by = -1] = row;
    commands.addHash(row[3] ?? 0);
    journal.takeRow(HOLD, key, 0, text);
    if (by !== -1) journal.takeRow(HOLD_END, key, 0, by);
    countRow();
  });
  await books.scan(
    "reversals",
    [hash.inSql(reversal.key), hash.inSql(reversal.text)],
    ([key = 0, text = 0]) => journal.takeRow(REVERSAL, key, 0, text),
  );
  const [part, partEnd, transit] = [sourceOf(PART), sourceOf(PART_END), sourceOf(TRANSIT)];
  const endOfPart = `CASE WHEN ${partEnd.where} THEN ${hash.inSql(partEnd.text)} ELSE -1 END`;
  await books.scan("parts", [hash.inSql(part.key), hash.inSql(part.text), endOfPart], (row) => {
    const [key = 0, text = 0, by = -1] = row;
    journal.takeRow(PART, key, 0, text);
    if (by !== -1) journal.takeRow(PART_END, key, 0, by);
  });
  await books.scan("transits", [hash.inSql(transit.key), hash.inSql(transit.text)], ([key = 0, text = 0]) =>
    journal.takeRow(TRANSIT, key, 0, text),
  );
  progress.did(rows % PROGRESS_ROWS);
  return { entries, accounts: scanned, duplicateMarks: commands.candidates(journal.finished) };
}
