/**
 * The rules of transactions across shards, see docs/decisions/0029-across-shards.md: what home decides, and how a part is
 * prepared on another shard and ended there. They keep to the form that rules.ts tells, and are compiled like those.
 */
import type { Micros } from "./account.ts";
import type { Refusal } from "./refusal.ts";
import {
  type AccountRow,
  applyTransaction,
  checkTransaction,
  MONEY_CENTS_MAX,
  moveFirst,
  type TransactionRow,
  undoTransaction,
} from "./rules.ts";

/** What a part sets aside on one of its accounts. */
export interface SideRow {
  account: AccountRow;
  /** How far its balance may fall below, */
  outgoing: number;
  /** and rise above what it is when all else stands still. */
  incoming: number;
  /** 1 where a condition is on it, else 0. */
  locks: number;
}

/** What one shard does of a transaction across shards. To it the accounts of others are part of the outside. */
export interface PartRow {
  transaction: TransactionRow;
  /** Its own accounts, each once. */
  sides: SideRow[];
}

/** What home knows of the other shards when it decides. */
export interface AwayRow {
  /** Stand for their accounts: of these only unit and state are looked at. */
  accounts: AccountRow[];
  /** What they refuse first of limits and ranges, and which posting. */
  refusal: Refusal | null;
  refusedAt: number;
}

/**
 * The decision at home: all postings or none, as of {@link applyTransaction}. The rows of `away` are of no use after it.
 *
 * @returns why it is refused, with nothing changed but `refusedAt`; null if all own rows have changed
 */
export function applyAcross(
  transaction: TransactionRow,
  away: AwayRow,
  frozenMayPay: boolean,
  now: Micros,
): Refusal | null {
  const found = checkTransaction(transaction, frozenMayPay);
  if (found !== null) return found;
  for (let index = 0; index < away.accounts.length; index += 1) {
    const account = away.accounts[index];
    if (account !== undefined) account.unit = "";
  }
  if (away.refusal === null) return moveFirst(transaction, transaction.postings.length, now);
  // Of one posting the payer's limit comes before the range.
  let count = away.refusedAt;
  if (away.refusal !== "limit-exceeded") count += 1;
  const refusal = moveFirst(transaction, count, now);
  if (refusal !== null) return refusal;
  undoTransaction(transaction, count);
  transaction.refusedAt = away.refusedAt;
  return away.refusal;
}

/** The capture of a hold at home, where it is paid out to other shards. @returns as above */
export function captureAcross(
  account: AccountRow,
  amount: number,
  transaction: TransactionRow,
  away: AwayRow,
  now: Micros,
): Refusal | null {
  account.held -= amount;
  const refusal = applyAcross(transaction, away, true, now);
  if (refusal !== null) account.held += amount;
  return refusal;
}

/** Notes how far the postings move the account, which has the balance after them. */
function measureSide(side: SideRow, transaction: TransactionRow, before: number): void {
  for (let index = 0; index < transaction.postings.length; index += 1) {
    const posting = transaction.postings[index];
    if (posting !== undefined) {
      let balance = before;
      if (posting.from === side.account) balance = posting.fromBalance;
      if (posting.to === side.account) balance = posting.toBalance;
      if (before - balance > side.outgoing) side.outgoing = before - balance;
      if (balance - before > side.incoming) side.incoming = balance - before;
    }
  }
}

/**
 * Sets aside what a part needs, so that {@link finishPart} cannot fail whatever happens until then.
 *
 * @returns why it is refused, with nothing changed but `refusedAt`; null if the rows and the sides have changed
 */
export function preparePart(part: PartRow, now: Micros): Refusal | null {
  const transaction = part.transaction;
  const refusal = applyTransaction(transaction, false, now);
  if (refusal !== null) return refusal;
  undoTransaction(transaction, transaction.postings.length);
  for (let index = 0; index < part.sides.length; index += 1) {
    const side = part.sides[index];
    if (side !== undefined) {
      const account = side.account;
      measureSide(side, transaction, account.balance);
      // As of a hold: a sum that is not exact would not be given back.
      if (account.held + side.outgoing > MONEY_CENTS_MAX) return "balance-out-of-range";
      let incoming = side.incoming;
      if (account.incoming !== undefined) incoming += account.incoming;
      if (incoming > MONEY_CENTS_MAX) return "balance-out-of-range";
    }
  }
  for (let index = 0; index < part.sides.length; index += 1) {
    const side = part.sides[index];
    if (side !== undefined) addSide(side);
  }
  return null;
}

function addSide(side: SideRow): void {
  const account = side.account;
  account.held += side.outgoing;
  if (
    account.parts === undefined ||
    account.outgoing === undefined ||
    account.incoming === undefined ||
    account.locks === undefined
  ) {
    account.parts = 1;
    account.outgoing = side.outgoing;
    account.incoming = side.incoming;
    account.locks = side.locks;
    return;
  }
  account.parts += 1;
  account.outgoing += side.outgoing;
  account.incoming += side.incoming;
  account.locks += side.locks;
}

/** Frees what a part has set aside. It is never refused. */
export function undoPart(part: PartRow): void {
  for (let index = 0; index < part.sides.length; index += 1) {
    const side = part.sides[index];
    if (side !== undefined) removeSide(side);
  }
}

function removeSide(side: SideRow): void {
  const account = side.account;
  account.held -= side.outgoing;
  if (
    account.parts === undefined ||
    account.outgoing === undefined ||
    account.incoming === undefined ||
    account.locks === undefined
  )
    return;
  account.parts -= 1;
  account.outgoing -= side.outgoing;
  account.incoming -= side.incoming;
  account.locks -= side.locks;
  if (account.parts > 0) return;
  account.parts = undefined;
  account.outgoing = undefined;
  account.incoming = undefined;
  account.locks = undefined;
}

/** Does what was prepared. @returns null; anything else says that the rows are not as they were prepared */
export function finishPart(part: PartRow, now: Micros): Refusal | null {
  undoPart(part);
  return moveFirst(part.transaction, part.transaction.postings.length, now);
}

/** As if nothing of it were in transit, to see whether a refusal depends on that. The row is not to be kept. */
export function leaveParts(account: AccountRow): void {
  if (account.outgoing !== undefined) account.held -= account.outgoing;
  account.parts = undefined;
  account.outgoing = undefined;
  account.incoming = undefined;
}
