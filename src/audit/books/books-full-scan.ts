import { MONEY_CENTS_MAX } from "../../ledger/rules.ts";
import type { BooksSize, Snapshot } from "./books-snapshot.ts";
import { DuplicateDetector } from "../duplicate-detector.ts";
import type { CompareJournal } from "../journal/compare-journal.ts";
import { TEXT_OF_ACCOUNT, TEXT_OF_ENTRY, TEXT_OF_LIMIT } from "../journal/event-rows.ts";
import { ACCOUNT, ENTRY, LIMIT } from "../journal/row-sums.ts";
import type { ProgressEstimate } from "../progress-estimate.ts";

/** The result of the scan. */
export interface BooksScan {
  readonly accounts: number;
  readonly entries: number;
  /** Accounts that need a detailed check, which may find that they are right. */
  readonly suspicious: readonly number[];
  /** Hashes that occurred for more than one row, see {@link HASH_OF_COMMAND}. */
  readonly duplicateHashes: ReadonlySet<number>;
}

/** SQL for a hash of 53 bits, which a JavaScript number holds exactly. */
export const HASH_OF_COMMAND = "(hashtextextended(command, 0) & 9007199254740991)";

const PROGRESS_ROWS = 100_000;

/**
 * Reads all entries, accounts and limits once, in the order in which they are on disk. In a table that only grows, that
 * is also the order of each account's entries, so it is enough to remember the latest entry of each account. If anything
 * of an account does not fit, even only because a row was moved or a limit was changed, the account is suspicious.
 *
 * Uses about 50 bytes of memory for each account, and 8 for each entry.
 *
 * @param journal has read the journal, and takes each row of the books
 */
export async function scanBooks(
  books: Snapshot,
  { accounts, entries, limits, lastAccount }: BooksSize,
  journal: CompareJournal,
  progress: ProgressEstimate,
): Promise<BooksScan> {
  const scanned = new ScannedAccounts(lastAccount + 1);
  const commands = new DuplicateDetector(entries + limits);
  let rows = 0;
  const countRow = (): void => {
    rows += 1;
    if (rows % PROGRESS_ROWS === 0) progress.did(PROGRESS_ROWS);
  };
  await books.stream(
    `SELECT ${ENTRY_COLUMNS}, ${journal.hashOf(TEXT_OF_ENTRY)} FROM entries AS e`,
    8,
    (entry) => {
      scanned.entry(entry);
      commands.addHash(entry[6] ?? 0);
      journal.takeRow(ENTRY, entry[0] ?? 0, entry[1] ?? 0, entry[7] ?? 0);
      countRow();
    },
  );
  const streamed = rows;
  await books.stream(
    `SELECT ${ACCOUNT_COLUMNS}, ${journal.hashOf(TEXT_OF_ACCOUNT)} FROM accounts`,
    5,
    (account) => {
      scanned.account(account);
      journal.takeRow(ACCOUNT, account[0] ?? 0, 0, account[4] ?? 0);
      countRow();
    },
  );
  await books.stream(`SELECT ${LIMIT_COLUMNS}, ${journal.hashOf(TEXT_OF_LIMIT)} FROM limits`, 6, (limit) => {
    scanned.limit(limit);
    journal.takeRow(LIMIT, limit[0] ?? 0, limit[1] ?? 0, limit[5] ?? 0);
    countRow();
    const hash = limit[4] ?? 0;
    // The limits of the initial accounts have no command.
    if (!Number.isNaN(hash)) commands.addHash(hash);
  });
  progress.did(rows % PROGRESS_ROWS);
  return {
    accounts,
    entries: streamed,
    suspicious: scanned.suspicious(),
    duplicateHashes: commands.candidates(),
  };
}

/** The value with its sign; NULL for a value that no entry can have. */
const ENTRY_COLUMNS = `
  account, seq, CASE WHEN value <= 0 THEN NULL WHEN kind = 'credit' THEN value WHEN kind = 'debit' THEN -value END,
    balance, credit_limit, time, ${HASH_OF_COMMAND}`;

const ACCOUNT_COLUMNS = "account, seq, balance, credit_limit";

const LIMIT_COLUMNS = `
  account, version::bigint, credit_limit, after_seq,
    CASE WHEN command <> 'initial' THEN ${HASH_OF_COMMAND} END`;

const SUSPICIOUS = 1;
const IS_THERE = 2;
const HAS_LIMIT = 4;

/** The latest entry of each account, by its number. */
class ScannedAccounts {
  readonly #size: number;
  readonly #seqs: Float64Array;
  readonly #balances: Float64Array;
  readonly #times: Float64Array;
  /** The limit of the entries so far; if they differ, the account is suspicious. */
  readonly #limits: Float64Array;
  readonly #flags: Uint8Array;
  /** Numbers that no account should have. */
  readonly #outliers = new Set<number>();

  /** @param size one more than the highest number of an account */
  constructor(size: number) {
    this.#size = size;
    this.#seqs = new Float64Array(this.#size);
    this.#balances = new Float64Array(this.#size);
    this.#times = new Float64Array(this.#size);
    this.#limits = new Float64Array(this.#size);
    this.#flags = new Uint8Array(this.#size);
  }

  entry(entry: Float64Array): void {
    // By index: destructuring a typed array would cost more than everything after it.
    const account = entry[0] ?? 0;
    const seq = entry[1] ?? 0;
    const change = entry[2] ?? 0;
    const balance = entry[3] ?? 0;
    const limit = entry[4] ?? 0;
    const time = entry[5] ?? 0;
    if (!this.#isPlausible(account)) return;
    const before = this.#seqs[account] ?? 0;
    const follows =
      seq === before + 1 &&
      balance === (this.#balances[account] ?? 0) + change &&
      (before === 0 || (time > (this.#times[account] ?? 0) && limit === this.#limits[account])) &&
      Math.abs(change) <= MONEY_CENTS_MAX &&
      limit >= 0 &&
      balance >= -limit &&
      balance <= MONEY_CENTS_MAX;
    if (!follows) this.#setFlag(account, SUSPICIOUS);
    this.#seqs[account] = seq;
    this.#balances[account] = balance;
    this.#times[account] = time;
    this.#limits[account] = limit;
  }

  /** After all entries. */
  account([account = 0, seq = 0, balance = 0, limit = 0]: Float64Array): void {
    if (!this.#isPlausible(account)) return;
    this.#setFlag(account, IS_THERE);
    if (this.#seqs[account] !== seq || this.#balances[account] !== balance)
      this.#setFlag(account, SUSPICIOUS);
    if (seq > 0 && this.#limits[account] !== limit) this.#setFlag(account, SUSPICIOUS);
    // From here on this is the account's own limit.
    this.#limits[account] = limit;
  }

  /** After all accounts. */
  limit([account = 0, version = 0, limit = 0, afterSeq = 0]: Float64Array): void {
    if (!this.#isPlausible(account)) return;
    if (version !== 1 || afterSeq !== 0 || this.#limits[account] !== limit)
      this.#setFlag(account, SUSPICIOUS);
    this.#setFlag(account, HAS_LIMIT);
  }

  suspicious(): number[] {
    const suspicious = [...this.#outliers];
    for (let account = 0; account < this.#size; account += 1) {
      const flags = this.#flags[account] ?? 0;
      const isUnknown = flags === 0 && this.#seqs[account] === 0;
      if (!isUnknown && flags !== (IS_THERE | HAS_LIMIT)) suspicious.push(account);
    }
    return suspicious;
  }

  #setFlag(account: number, flag: number): void {
    this.#flags[account] = (this.#flags[account] ?? 0) | flag;
  }

  #isPlausible(account: number): boolean {
    if (account >= 1 && account < this.#size) return true;
    this.#outliers.add(account);
    return false;
  }
}
