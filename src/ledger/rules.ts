/**
 * The rules of the ledger: when a command is accepted, when it is refused, and what follows. The embedded ledger runs
 * them as they are. The function in Redis runs them compiled to Lua: after a change, `npm run compile-rules`.
 *
 * Each rule changes the rows that it is given, but only after all of its checks, or it undoes what it changed. It checks
 * in the order that refusal.ts documents. The first seven of that order are the caller's: only the caller remembers
 * ids, and looks for accounts, transactions and holds.
 *
 * The code keeps to what means the same in both languages and costs no object: rows, lists of rows, numbers and texts;
 * comparisons, sums and differences. A test holds that; docs/decisions/0011-one-set-of-rules.md says why.
 */
import type { AccountStatus, Micros } from "./account.ts";
import type { EntryKind } from "./entry.ts";
import type { Refusal } from "./refusal.ts";

/** The largest amount, in a unit's smallest part, that a value, a limit or a balance may have: 2^53 - 1. */
export const MONEY_CENTS_MAX = 9_007_199_254_740_991;

/** What the rules read and change of an account. See `AccountState` and `Account` for the ranges. */
export interface AccountRow {
  creditLimit: number;
  balance: number;
  held: number;
  seq: number;
  time: Micros;
  /** Empty for the outside, which has no limit, takes any unit, and never changes. */
  unit: string;
  state: AccountStatus;
  /** Of its open parts of transactions across shards, see transit-rules.ts; absent where it has none. Their number, */
  parts?: number | undefined;
  /** what they set aside in `held`, */
  outgoing?: number | undefined;
  /** the room under the highest balance that they need, */
  incoming?: number | undefined;
  /** and how many of them lock it. */
  locks?: number | undefined;
}

/** One move of a transaction, with what the rules note of it. */
export interface PostingRow {
  /** `false`: there is no such account. */
  from: AccountRow | false;
  to: AccountRow | false;
  amount: number;
  /** After it, of each side; 0 for the outside. */
  fromSeq: number;
  fromBalance: number;
  toSeq: number;
  toBalance: number;
  /** Before it, to undo it. */
  fromTime: Micros;
  toTime: Micros;
}

/** What must hold before the first posting. */
export interface ConditionRow {
  account: AccountRow | false;
  what: "balance" | "available" | "seq";
  /** -2^53 stands for no lower bound, 2^53 for no upper one. */
  least: number;
  most: number;
}

/** Postings that happen all or not at all. */
export interface TransactionRow {
  postings: PostingRow[];
  conditions: ConditionRow[];
  /** After a refusal: which of the postings, or of the conditions, from 0. */
  refusedAt: number;
}

/**
 * The row of an account that is being opened, which is never refused.
 *
 * @param now the clock of the ledger that decides; so for all rules
 */
export function openAccount(creditLimit: number, unit: string, now: Micros): AccountRow {
  return { creditLimit, balance: 0, held: 0, seq: 0, time: now, unit, state: "open" };
}

/** What may still go out of an account. Of the outside that is everything. */
export function availableOf(account: AccountRow): number {
  // In this order no step is rounded: what is beyond the range is only so at the end.
  const available = account.balance - account.held + account.creditLimit;
  if (available > MONEY_CENTS_MAX) return MONEY_CENTS_MAX;
  return available;
}

/** @returns why it is refused, with nothing changed; null if the row is now as of the new entry */
export function debit(account: AccountRow, value: number, now: Micros): Refusal | null {
  // All operands are within ±(2^53 - 1). A result beyond that may be rounded, but never back into the range.
  const balance = account.balance - value;
  if (balance - account.held < -account.creditLimit) return "limit-exceeded";
  account.balance = balance;
  account.seq += 1;
  // The clock may stand still or step back. Even so, the order by time is the order by seq within an account.
  let time = account.time + 1;
  if (now > time) time = now;
  account.time = time;
  return null;
}

/** @returns as above */
export function credit(account: AccountRow, value: number, now: Micros): Refusal | null {
  const balance = account.balance + value;
  if (balance > MONEY_CENTS_MAX) return "balance-out-of-range";
  if (account.incoming !== undefined && balance + account.incoming > MONEY_CENTS_MAX)
    return "balance-out-of-range";
  account.balance = balance;
  account.seq += 1;
  let time = account.time + 1;
  if (now > time) time = now;
  account.time = time;
  return null;
}

/** A transaction of one posting from or to the outside. @returns as above */
export function transact(account: AccountRow, kind: EntryKind, value: number, now: Micros): Refusal | null {
  if (account.state === "closed") return "account-closed";
  if (kind === "credit") return credit(account, value, now);
  if (account.state === "frozen") return "account-frozen";
  return debit(account, value, now);
}

/** Whether the two sides may take part at all. */
function checkSides(posting: PostingRow, frozenMayPay: boolean): Refusal | null {
  const from = posting.from;
  const to = posting.to;
  if (from === false || to === false) return "account-unknown";
  if (from.state === "closed" || to.state === "closed") return "account-closed";
  if (from.state === "frozen" && !frozenMayPay) return "account-frozen";
  if (from.unit !== to.unit && from.unit !== "" && to.unit !== "") return "unit-mismatch";
  return null;
}

function isMet(condition: ConditionRow): boolean {
  const account = condition.account;
  if (account === false) return false;
  let value = account.balance;
  if (condition.what === "available") value = availableOf(account);
  if (condition.what === "seq") value = account.seq;
  return value >= condition.least && value <= condition.most;
}

/** Moves the amount. @returns why it is refused, with nothing changed; null if both rows have changed */
function move(posting: PostingRow, now: Micros): Refusal | null {
  const from = posting.from;
  const to = posting.to;
  if (from === false || to === false) return "account-unknown";
  if (from.unit !== "") {
    posting.fromTime = from.time;
    const refusal = debit(from, posting.amount, now);
    if (refusal !== null) return refusal;
    posting.fromSeq = from.seq;
    posting.fromBalance = from.balance;
  }
  if (to.unit !== "") {
    posting.toTime = to.time;
    const refusal = credit(to, posting.amount, now);
    if (refusal !== null) {
      undoDebit(posting);
      return refusal;
    }
    posting.toSeq = to.seq;
    posting.toBalance = to.balance;
  }
  return null;
}

function undoDebit(posting: PostingRow): void {
  const from = posting.from;
  if (from === false || from.unit === "") return;
  from.balance += posting.amount;
  from.seq -= 1;
  from.time = posting.fromTime;
}

function undoCredit(posting: PostingRow): void {
  const to = posting.to;
  if (to === false || to.unit === "") return;
  to.balance -= posting.amount;
  to.seq -= 1;
  to.time = posting.toTime;
}

/** Takes back what {@link applyTransaction} has done; nothing may have happened to the rows since. */
export function undoTransaction(transaction: TransactionRow, count: number): void {
  for (let index = count - 1; index >= 0; index -= 1) {
    const posting = transaction.postings[index];
    if (posting !== undefined) {
      undoCredit(posting);
      undoDebit(posting);
    }
  }
}

/** Whether the sides of all postings may take part, and all conditions are met. */
export function checkTransaction(transaction: TransactionRow, frozenMayPay: boolean): Refusal | null {
  const postings = transaction.postings;
  const conditions = transaction.conditions;
  for (let index = 0; index < postings.length; index += 1) {
    const posting = postings[index];
    if (posting !== undefined) {
      transaction.refusedAt = index;
      const refusal = checkSides(posting, frozenMayPay);
      if (refusal !== null) return refusal;
    }
  }
  for (let index = 0; index < conditions.length; index += 1) {
    const condition = conditions[index];
    if (condition !== undefined) {
      transaction.refusedAt = index;
      if (condition.account === false) return "account-unknown";
      if (!isMet(condition)) return "condition-failed";
    }
  }
  return null;
}

/** Moves the first postings, all or none. */
export function moveFirst(transaction: TransactionRow, count: number, now: Micros): Refusal | null {
  const postings = transaction.postings;
  for (let index = 0; index < count; index += 1) {
    const posting = postings[index];
    if (posting !== undefined) {
      transaction.refusedAt = index;
      const refusal = move(posting, now);
      if (refusal !== null) {
        undoTransaction(transaction, index);
        return refusal;
      }
    }
  }
  return null;
}

/**
 * All postings or none, in their order.
 *
 * @param frozenMayPay for the capture of a hold, which a frozen account still pays
 * @returns why it is refused, with nothing changed but `refusedAt`; null if all rows have changed
 */
export function applyTransaction(
  transaction: TransactionRow,
  frozenMayPay: boolean,
  now: Micros,
): Refusal | null {
  const refusal = checkTransaction(transaction, frozenMayPay);
  if (refusal !== null) return refusal;
  return moveFirst(transaction, transaction.postings.length, now);
}

/** Sets an amount aside. @returns as above */
export function hold(account: AccountRow, amount: number): Refusal | null {
  if (account.state === "closed") return "account-closed";
  if (account.state === "frozen") return "account-frozen";
  if (account.balance - account.held - amount < -account.creditLimit) return "limit-exceeded";
  if (account.held + amount > MONEY_CENTS_MAX) return "balance-out-of-range";
  account.held += amount;
  return null;
}

/** Frees what a hold has set aside. It is never refused. */
export function endHold(account: AccountRow, amount: number): void {
  account.held -= amount;
}

/**
 * Moves what was held, or a part of it, or more, and frees the rest.
 *
 * @param account whose hold it is; the postings are all from it
 * @returns why it is refused, with nothing changed; null if all rows have changed
 */
export function capture(
  account: AccountRow,
  amount: number,
  transaction: TransactionRow,
  now: Micros,
): Refusal | null {
  account.held -= amount;
  const refusal = applyTransaction(transaction, true, now);
  if (refusal !== null) account.held += amount;
  return refusal;
}

/**
 * Gives an account another limit, another state, or both.
 *
 * @returns why it is refused, with nothing changed; null if the row has them now
 */
export function changeAccount(
  account: AccountRow,
  creditLimit: number,
  state: AccountStatus,
): Refusal | null {
  if (account.state === "closed") return "account-closed";
  if (account.balance - account.held < -creditLimit) return "limit-too-low";
  if (state === "closed" && (account.balance !== 0 || account.held !== 0)) return "account-not-empty";
  if (state === "closed" && account.parts !== undefined) return "account-not-empty";
  account.creditLimit = creditLimit;
  account.state = state;
  return null;
}
