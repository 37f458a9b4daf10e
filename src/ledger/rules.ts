/**
 * The rules of the ledger: when a command is accepted, when it is refused, and what follows. The embedded ledger runs
 * them as they are. The function in Redis runs them compiled to Lua: after a change, `npm run compile-rules`.
 *
 * Each rule changes the row that it is given, but only after all of its checks. It checks in the order that refusal.ts
 * documents. The first two refusals of that order are the caller's: only the caller remembers ids and looks for
 * accounts.
 *
 * The code keeps to what means the same in both languages and costs no object: rows, numbers and texts; comparisons,
 * sums and differences. A test holds that; docs/decisions/0011-one-set-of-rules.md says why.
 */
import type { Micros } from "./account.ts";
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
}

/**
 * The row of an account that is being opened, which is never refused.
 *
 * @param now the clock of the ledger that decides; so for all rules
 */
export function openAccount(creditLimit: number, now: Micros): AccountRow {
  return { creditLimit, balance: 0, held: 0, seq: 0, time: now };
}

/** @returns why it is refused, with nothing changed; null if the row is now as of the new entry */
export function transact(account: AccountRow, kind: EntryKind, value: number, now: Micros): Refusal | null {
  let balance = account.balance;
  // Both operands are within ±(2^53 - 1). A sum beyond that may be rounded, but never back into the range.
  if (kind === "debit") {
    balance -= value;
    if (balance - account.held < -account.creditLimit) return "limit-exceeded";
  } else {
    balance += value;
    if (balance > MONEY_CENTS_MAX) return "balance-out-of-range";
  }

  // The clock may stand still or step back. Even so, the order by time is the order by seq within an account.
  let time = account.time + 1;
  if (now > time) time = now;
  account.balance = balance;
  account.seq += 1;
  account.time = time;
  return null;
}

/** @returns why it is refused, with nothing changed; null if the row has the new limit now */
export function changeLimit(account: AccountRow, creditLimit: number): Refusal | null {
  if (account.balance - account.held < -creditLimit) return "limit-too-low";
  account.creditLimit = creditLimit;
  return null;
}
