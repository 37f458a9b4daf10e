import type { RoundFindings } from "./round-violations.ts";
import { hashOfAccount, hashOfEntry, hashOfLimit } from "./row-hash.ts";
import type { BooksSnapshot } from "../system/system-under-test.ts";
import { type EntryRow, type LimitRow, type RowSlice, AccountStates } from "./account-states.ts";
import { entryText } from "./violation-text.ts";

export type AccountRow = BooksSnapshot["accounts"][number];

/** A change that the books did not have after the previous round. */
export type NewRow =
  | { readonly type: "opening"; readonly row: AccountRow; readonly states: AccountStates }
  | { readonly type: "entry"; readonly row: EntryRow; readonly states: AccountStates; readonly entry: number }
  | { readonly type: "limit"; readonly row: LimitRow; readonly states: AccountStates };

export interface CheckedBooks {
  readonly statesByAccount: ReadonlyMap<string, AccountStates>;
  readonly newRows: readonly NewRow[];
}

/** The accounts that are there from the start, with their limits (contract). */
const INITIAL_LIMITS: ReadonlyMap<string, number> = new Map([
  ["1", 100_000],
  ["2", 80_000],
  ["3", 1_000_000],
  ["4", 10_000_000],
  ["5", 500_000],
]);
const INITIAL_COMMAND = "initial";

interface RowHashes {
  readonly row: number;
  readonly entries: number[];
  readonly limits: number[];
}

/**
 * Checks the books by themselves: whether the rows of each account form a chain, and whether the rows of earlier rounds
 * are still there, unchanged. Of each row of an earlier round only a hash is kept; while it matches, the row is not
 * checked again.
 */
export class KeptRowsCheck {
  readonly #hashes = new Map<string, RowHashes>();

  /** How many changes an account had after the previous round. */
  changesBefore(account: string): number {
    const hashes = this.#hashes.get(account);
    if (hashes === undefined) return INITIAL_LIMITS.has(account) ? 1 : 0;
    return hashes.entries.length + hashes.limits.length;
  }

  /** @throws Error if the rows are not in the order that {@link BooksSnapshot} promises */
  check(books: BooksSnapshot, findings: RoundFindings): CheckedBooks {
    const statesByAccount = new Map<string, AccountStates>();
    const newRows: NewRow[] = [];
    const entries = new RowsByAccount(books.entries, "entries");
    const limits = new RowsByAccount(books.limits, "limits");
    let before = "";
    for (const row of books.accounts) {
      inOrder(before < row.account, "accounts");
      before = row.account;
      for (const stray of [...entries.skipTo(row.account), ...limits.skipTo(row.account)])
        addStrayRows(stray, findings);
      const rows = { entries: entries.take(row.account), limits: limits.take(row.account) };
      const states = this.#account(row, rows, findings, newRows);
      statesByAccount.set(row.account, states);
    }
    for (const stray of [...entries.skipTo(null), ...limits.skipTo(null)]) addStrayRows(stray, findings);
    this.#addLostAccounts(statesByAccount, findings);
    return { statesByAccount, newRows };
  }

  #account(
    row: AccountRow,
    rows: { readonly entries: RowSlice<EntryRow>; readonly limits: RowSlice<LimitRow> },
    findings: RoundFindings,
    newRows: NewRow[],
  ): AccountStates {
    const changesBefore = this.changesBefore(row.account);
    const known = this.#hashes.get(row.account);
    const hashes = known ?? { row: hashOfAccount(row), entries: [], limits: [] };
    const unchecked = new AccountStates(row.account, rows, { changesBefore, isWhole: false });
    const broken =
      this.#changedRow(row, unchecked, hashes, findings) ??
      brokenLimits(unchecked, hashes) ??
      brokenEntries(unchecked, hashes.entries.length, findings);
    if (broken !== null) findings.add("chain-broken", `Account ${row.account}: ${broken}.`);
    const isWhole = broken === null && unchecked.changes >= hashes.entries.length + hashes.limits.length;
    const states = new AccountStates(row.account, rows, { changesBefore, isWhole });
    if (isWhole) limitsPassed(states, hashes.limits.length, findings);

    if (known === undefined) newRows.push({ type: "opening", row, states });
    for (let n = hashes.entries.length + 1; n <= states.entries; n += 1) {
      newRows.push({ type: "entry", row: states.entry(n), states, entry: n });
      hashes.entries.push(hashOfEntry(states.entry(n)));
    }
    for (let m = hashes.limits.length + 1; m <= states.limits; m += 1) {
      if (m > 1) newRows.push({ type: "limit", row: states.limit(m), states });
      hashes.limits.push(hashOfLimit(states.limit(m)));
    }
    this.#hashes.set(row.account, hashes);
    return states;
  }

  /** @returns the first row that is not as it was; rows missing at the end are reported as lost */
  #changedRow(
    row: AccountRow,
    states: AccountStates,
    before: RowHashes,
    findings: RoundFindings,
  ): string | null {
    const missing = before.entries.length - states.entries;
    if (missing > 0) {
      findings.counts.lost += missing;
      findings.add(
        "lost",
        `Account ${row.account} had ${before.entries.length} entries in the books after an earlier round, and has ${states.entries} now.`,
      );
    }
    if (before.limits.length > states.limits) {
      findings.counts.lost += before.limits.length - states.limits;
      findings.add(
        "lost",
        `Account ${row.account} had ${before.limits.length} limits in the books after an earlier round, and has ${states.limits} now.`,
      );
    }
    if (before.row !== hashOfAccount(row))
      return "its name or command is not what it was after an earlier round";
    for (const [index, hash] of before.entries.entries()) {
      if (index >= states.entries) break;
      const entry = states.entry(index + 1);
      if (hash !== hashOfEntry(entry))
        return `${entryText(entry)} is not what stood there after an earlier round`;
    }
    for (const [index, hash] of before.limits.entries()) {
      if (index >= states.limits) break;
      if (hash !== hashOfLimit(states.limit(index + 1))) {
        return `version ${index + 1} of its limit is not what stood there after an earlier round`;
      }
    }
    return null;
  }

  #addLostAccounts(statesByAccount: ReadonlyMap<string, AccountStates>, findings: RoundFindings): void {
    for (const account of INITIAL_LIMITS.keys()) {
      if (!statesByAccount.has(account)) {
        findings.add("lost", `Account ${account}, which is there from the start, is not in the books.`);
      }
    }
    if (statesByAccount.size >= this.#hashes.size) return;
    for (const account of this.#hashes.keys()) {
      if (statesByAccount.has(account) || INITIAL_LIMITS.has(account)) continue;
      findings.counts.lost += 1;
      findings.add("lost", `Account ${account} stood in the books after an earlier round, and is gone.`);
    }
  }
}

/** Whether it is one of the accounts that exist from the start, which no client opened. */
export function isInitial(row: AccountRow): boolean {
  return row.command === INITIAL_COMMAND && INITIAL_LIMITS.has(row.account);
}

/** @returns what is wrong with the versions of its limit; those of earlier rounds are known to be right */
function brokenLimits(states: AccountStates, before: RowHashes): string | null {
  if (states.limits === 0) return "it has no limit";
  for (let m = before.limits.length + 1; m <= states.limits; m += 1) {
    const { version, creditLimit, afterSeq } = states.limit(m);
    if (version !== m) return `version ${m} of its limit is missing, ${version} is there`;
    if (!isAmount(creditLimit)) return `its limit ${creditLimit} is no amount`;
    // What was there before this round was decided before what is new.
    const earliest = Math.max(m === 1 ? 0 : states.limit(m - 1).afterSeq, before.entries.length);
    if (afterSeq < earliest || afterSeq > states.entries || (m === 1 && afterSeq !== 0)) {
      return `version ${m} of its limit stands after entry ${afterSeq}, where it cannot have come`;
    }
    const initial = m === 1 ? INITIAL_LIMITS.get(states.account) : undefined;
    if (initial !== undefined && initial !== creditLimit)
      return `its first limit is ${creditLimit}, not ${initial}`;
  }
  return null;
}

/** @returns the first break in the chain */
function brokenEntries(states: AccountStates, before: number, findings: RoundFindings): string | null {
  for (let n = before + 1; n <= states.entries; n += 1) {
    const entry = states.entry(n);
    if (entry.seq !== n) return `entry ${n} is missing, ${entryText(entry)} stands in its place`;
    const change = entry.kind === "credit" ? entry.value : -entry.value;
    const balance = states.balanceAt(n - 1) + change;
    if (entry.value < 1 || balance !== entry.balance || !Number.isSafeInteger(balance)) {
      return `${entryText(entry)} follows balance ${states.balanceAt(n - 1)}`;
    }
    if (n > 1 && entry.time <= states.entry(n - 1).time) {
      return `${entryText(entry)} has the time ${entry.time}, which is not after that of the entry before`;
    }
    const { creditLimit } = states.limit(states.limitsAt(n - 1));
    if (entry.creditLimit !== creditLimit) {
      return `${entryText(entry)} was decided under limit ${entry.creditLimit}, where ${creditLimit} was in force`;
    }
    if (entry.balance < -creditLimit) {
      findings.add(
        "limit-passed",
        `The balance of ${entryText(entry)} is under its limit of ${creditLimit}.`,
      );
    }
  }
  return null;
}

function limitsPassed(states: AccountStates, before: number, findings: RoundFindings): void {
  for (let m = Math.max(before, 1) + 1; m <= states.limits; m += 1) {
    const { creditLimit, afterSeq } = states.limit(m);
    const balance = states.balanceAt(afterSeq);
    if (balance >= -creditLimit) continue;
    findings.add(
      "limit-passed",
      `Account ${states.account} was given the limit ${creditLimit} after entry ${afterSeq}, with a balance of ${balance}.`,
    );
  }
}

function isAmount(cents: number): boolean {
  return Number.isSafeInteger(cents) && cents >= 0;
}

function addStrayRows(account: string, findings: RoundFindings): void {
  findings.add(
    "chain-broken",
    `Account ${account} has entries or limits in the books, and is not there itself.`,
  );
}

function inOrder(isInOrder: boolean, what: string): void {
  if (isInOrder) return;
  throw new Error(`The ${what} of the books were not read in the order of their accounts: fix the reading.`);
}

/** Steps through rows that are sorted by account: by its bytes, which for an id is the order of texts here. */
class RowsByAccount<Row extends { readonly account: string }> {
  readonly #rows: readonly Row[];
  readonly #what: string;
  #at = 0;

  constructor(rows: readonly Row[], what: string) {
    this.#rows = rows;
    this.#what = what;
  }

  /**
   * @param account null: to the end
   * @returns the accounts of the rows that were skipped
   */
  skipTo(account: string | null): Set<string> {
    const skipped = new Set<string>();
    for (;;) {
      const row = this.#rows[this.#at];
      if (row === undefined || (account !== null && row.account >= account)) return skipped;
      inOrder((this.#rows[this.#at - 1]?.account ?? "") <= row.account, this.#what);
      skipped.add(row.account);
      this.#at += 1;
    }
  }

  take(account: string): RowSlice<Row> {
    const from = this.#at;
    while (this.#rows[this.#at]?.account === account) this.#at += 1;
    return { of: this.#rows, from, count: this.#at - from };
  }
}
