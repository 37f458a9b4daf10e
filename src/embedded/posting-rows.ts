import { type AccountId, type AccountState, type Party, WORLD } from "../ledger/account.ts";
import type { Condition, Posting, PostingDone } from "../ledger/transaction.ts";
import type { Refusal } from "../ledger/refusal.ts";
import type { Refused } from "../ledger/refused.ts";
import type { AccountRow, PostingRow, TransactionRow } from "../ledger/rules.ts";

/** What the rules take for the outside, which they never change. */
const OUTSIDE: AccountRow = {
  creditLimit: 0,
  balance: 0,
  held: 0,
  seq: 0,
  time: 0,
  unit: "",
  state: "open",
};

/**
 * The rows that the rules decide a transaction on.
 *
 * @param rowOf an account that may be changed; `null` if there is none
 */
export function transactionRows(
  postings: readonly Posting[],
  conditions: readonly Condition[],
  rowOf: (id: AccountId) => AccountRow | null,
): TransactionRow {
  const sideOf = (party: Party): AccountRow | false => (party === WORLD ? OUTSIDE : (rowOf(party) ?? false));
  return {
    postings: postings.map(({ from, to, amount }) => ({
      from: sideOf(from),
      to: sideOf(to),
      amount,
      fromSeq: 0,
      fromBalance: 0,
      toSeq: 0,
      toBalance: 0,
      fromTime: 0,
      toTime: 0,
    })),
    conditions: conditions.map(({ account, what, least, most }) => ({
      account: sideOf(account),
      what,
      least,
      most,
    })),
    refusedAt: 0,
  };
}

/** The accounts that the postings name, each once, in their order. */
export function accountsIn(postings: readonly Posting[]): Set<AccountId> {
  const ids = new Set<AccountId>();
  for (const { from, to } of postings) {
    if (from !== WORLD) ids.add(from);
    if (to !== WORLD) ids.add(to);
  }
  return ids;
}

/** A refusal by the rules, with its place. */
export function refusedAt(
  refusal: Refusal,
  rows: TransactionRow,
  postings: readonly Posting[],
  conditions: readonly Condition[],
): Refused {
  const index = rows.refusedAt;
  const row = rows.postings[index];
  const posting = postings[index];
  // Accounts of postings are looked for before those of conditions.
  const isOfCondition =
    refusal === "condition-failed" ||
    (refusal === "account-unknown" && (row === undefined || (row.from !== false && row.to !== false)));
  const account =
    isOfCondition || row === undefined || posting === undefined
      ? conditions[index]?.account
      : isOfFrom(refusal, row)
        ? posting.from
        : posting.to;
  return { refusal, account: account ?? null, index, other: null };
}

/** Whether it is the side that pays which is refused. */
function isOfFrom(refusal: Refusal, { from }: PostingRow): boolean {
  if (refusal === "account-unknown") return from === false;
  if (refusal === "account-closed") return from !== false && from.state === "closed";
  return refusal === "account-frozen" || refusal === "limit-exceeded";
}

/** The postings with what they made of their sides. */
export function postingsDone(postings: readonly Posting[], rows: TransactionRow): PostingDone[] {
  return rows.postings.map(({ amount, fromSeq, fromBalance, toSeq, toBalance }, index) => {
    const { from, to } = postings[index] ?? { from: WORLD, to: WORLD };
    return { from, to, amount, fromSeq, fromBalance, toSeq, toBalance };
  });
}

/** An account without what is kept for people. */
export function stateOf(account: AccountState): AccountState {
  const { id, unit, state, creditLimit, balance, held, seq, time, openedAt } = account;
  return { id, unit, state, creditLimit, balance, held, seq, time, openedAt };
}
