import { MONEY_CENTS_MAX } from "../../ledger/rules.ts";
import type { AccountId } from "../../ledger/account.ts";
import { bounds } from "../../bounds.ts";
import type { EntryHash } from "../journal/entry-hash.ts";
import type { TextHash } from "../journal/text-hash.ts";
import { type AccountTable, withRoomFor } from "./account-table.ts";
import type { Snapshot } from "./books-snapshot.ts";
import { KnownAccounts } from "./known-accounts.ts";
import { StatementSums } from "./statement-sums.ts";

const SUSPICIOUS = 1;
const IS_THERE = 2;
const HAS_LIMIT = 4;

/**
 * The latest entry of each account, by its number in the table: gets first the latest seqs, as the accounts have them,
 * then all entries, all accounts, all limits.
 */
export class ScannedAccounts {
  readonly #table: AccountTable;
  readonly #hash: TextHash;
  #flags: Uint8Array;
  #seqs: Float64Array;
  #balances: Float64Array;
  #times: Float64Array;
  /** The limit of the entries so far; if they differ, the account is suspicious. */
  #limits: Float64Array;
  #latestSeqs: Float64Array;
  /** The hash of what Redis should have of the account, besides its statement and the time of its latest entry. */
  #standings: Float64Array;
  readonly #statements: StatementSums;

  constructor(table: AccountTable, hash: TextHash) {
    this.#table = table;
    this.#hash = hash;
    const { room } = table;
    this.#flags = new Uint8Array(room);
    this.#seqs = new Float64Array(room);
    this.#balances = new Float64Array(room);
    this.#times = new Float64Array(room);
    this.#limits = new Float64Array(room);
    this.#latestSeqs = new Float64Array(room);
    this.#standings = new Float64Array(room);
    this.#statements = new StatementSums(room);
  }

  latestSeq([account = 0, seq = 0]: Float64Array): void {
    this.#latestSeqs[this.#numberOf(account)] = seq;
  }

  /** @param row the columns of EntryHash, in which it is set */
  entry(row: Float64Array, hash: EntryHash): void {
    // By index: destructuring a typed array would cost more than everything after it.
    const account = this.#numberOf(row[0] ?? 0);
    const seq = row[1] ?? 0;
    const time = row[2] ?? 0;
    const change = row[3] ?? 0;
    const balance = row[4] ?? 0;
    const limit = row[5] ?? 0;
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
    const latest = this.#latestSeqs[account] ?? 0;
    if (seq > latest - bounds.statement_entries_max && seq <= latest)
      this.#statements.add(account, seq, hash.statementHash);
  }

  account([hash = 0, seq = 0, balance = 0, limit = 0, openedAt = 0, standing = 0]: Float64Array): void {
    const account = this.#numberOf(hash);
    this.#setFlag(account, IS_THERE);
    if (this.#seqs[account] !== seq || this.#balances[account] !== balance)
      this.#setFlag(account, SUSPICIOUS);
    if (seq > 0 && this.#limits[account] !== limit) this.#setFlag(account, SUSPICIOUS);
    // From here on this is the account's own limit.
    this.#limits[account] = limit;
    if (seq === 0) this.#times[account] = openedAt;
    this.#standings[account] = standing;
  }

  limit([hash = 0, version = 0, limit = 0, afterSeq = 0]: Float64Array): void {
    const account = this.#numberOf(hash);
    if (version !== 1 || afterSeq !== 0 || this.#limits[account] !== limit)
      this.#setFlag(account, SUSPICIOUS);
    this.#setFlag(account, HAS_LIMIT);
  }

  /** After all rows: what Redis is compared with. */
  known(): KnownAccounts {
    const isThere = this.#flags.map((flags) => flags & IS_THERE);
    return new KnownAccounts({
      table: this.#table,
      hash: this.#hash,
      isThere,
      seqs: this.#seqs,
      times: this.#times,
      standings: this.#standings,
      statements: this.#statements,
    });
  }

  /**
   * After all rows: the accounts that need a detailed check, which may find that they are right; in lists that are not
   * too long for a query.
   */
  async *suspicious(books: Snapshot): AsyncGenerator<AccountId[]> {
    let accounts = false;
    let strays = false;
    // By index: an iterator would make a million pairs at once.
    for (let account = 0; account < this.#flags.length; account += 1) {
      if (!this.#isSuspicious(account)) continue;
      if (((this.#flags[account] ?? 0) & IS_THERE) === 0) strays = true;
      else accounts = true;
    }
    if (accounts) yield* this.#suspiciousAmong(books, "SELECT account FROM accounts");
    if (strays) {
      yield* this.#suspiciousAmong(
        books,
        `SELECT account FROM (SELECT account FROM entries UNION SELECT account FROM limits) AS s
         WHERE NOT EXISTS (SELECT FROM accounts AS a WHERE a.account = s.account)`,
      );
    }
  }

  async *#suspiciousAmong(books: Snapshot, all: string): AsyncGenerator<AccountId[]> {
    const some = bounds.audit_odd_accounts;
    let suspicious: AccountId[] = [];
    for (let last: AccountId | null = null; ;) {
      const rows = await books.query(
        `SELECT account FROM (${all}) AS a ${last === null ? "" : "WHERE account > $1"} ORDER BY account LIMIT ${some}`,
        last === null ? [] : [last],
      );
      for (const row of rows) {
        last = String(row["account"]);
        if (this.#isSuspicious(this.#table.numberOf(this.#hash.ofText(last)))) suspicious.push(last);
      }
      if (suspicious.length >= some || (rows.length < some && suspicious.length > 0)) {
        yield suspicious;
        suspicious = [];
      }
      if (rows.length < some) return;
    }
  }

  #isSuspicious(account: number): boolean {
    const flags = this.#flags[account] ?? 0;
    // The journal opened it, and the books have nothing of it: that is found when they are compared.
    const isUnknown = flags === 0 && (this.#seqs[account] ?? 0) === 0;
    return !isUnknown && flags !== (IS_THERE | HAS_LIMIT);
  }

  #setFlag(account: number, flag: number): void {
    this.#flags[account] = (this.#flags[account] ?? 0) | flag;
  }

  #numberOf(hash: number): number {
    const account = this.#table.add(hash);
    if (account >= this.#flags.length) this.#makeRoomFor(account);
    return account;
  }

  #makeRoomFor(account: number): void {
    this.#flags = withRoomFor(this.#flags, account);
    this.#seqs = withRoomFor(this.#seqs, account);
    this.#balances = withRoomFor(this.#balances, account);
    this.#times = withRoomFor(this.#times, account);
    this.#limits = withRoomFor(this.#limits, account);
    this.#latestSeqs = withRoomFor(this.#latestSeqs, account);
    this.#standings = withRoomFor(this.#standings, account);
    this.#statements.makeRoomFor(account);
  }
}
