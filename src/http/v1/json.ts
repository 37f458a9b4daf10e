import type { Account, AccountId, AccountState } from "../../ledger/account.ts";
import type { KeptEntry } from "../../ledger/entry.ts";
import { availableOf } from "../../ledger/rules.ts";
import type { EventId, Hold, Transaction } from "../../ledger/transaction.ts";
import { timestamp } from "../timestamp.ts";

/** The objects of `/v1`, as they are on the wire. */

export function accountJson(account: Account) {
  const { id, unit, ...rest } = stateJson(account);
  return { id, unit, name: account.name, metadata: account.metadata, ...rest };
}

/** Without name and metadata, as other objects show their accounts. */
export function stateJson(account: AccountState) {
  return {
    id: account.id,
    unit: account.unit,
    state: account.state,
    credit_limit: account.creditLimit,
    balance: account.balance,
    held: account.held,
    available: availableOf(account),
    seq: account.seq,
    opened_at: timestamp(account.openedAt),
  };
}

export function statesJson(accounts: readonly AccountState[]) {
  return Object.fromEntries(accounts.map((account) => [account.id, stateJson(account)]));
}

export function transactionJson(transaction: Transaction) {
  const { id, postings, description, reference, metadata, reverses, hold, time } = transaction;
  return {
    // A dry run has none.
    id: id || null,
    postings: postings.map(({ from, to, amount }) => ({ from, to, amount })),
    description,
    reference,
    metadata,
    reverses,
    hold,
    created_at: timestamp(time),
  };
}

export function holdJson(hold: Hold) {
  const { id, state, from, to, amount, captured, expiresAt } = hold;
  const { description, reference, metadata, time, transaction } = hold;
  return {
    id,
    state,
    from,
    to,
    amount,
    captured,
    expires_at: timestamp(expiresAt),
    description,
    reference,
    metadata,
    created_at: timestamp(time),
    transaction,
  };
}

export function entryJson(entry: KeptEntry) {
  return {
    seq: entry.seq,
    amount: entry.kind === "credit" ? entry.value : -entry.value,
    balance: entry.balance,
    counterparty: entry.counterparty,
    transaction: entry.transaction,
    description: entry.description || null,
    reference: entry.reference,
    created_at: timestamp(entry.time),
  };
}

/** Of what an id may have, only braces are not allowed in an address. */
export function accountPath(id: AccountId): string {
  return `/v1/accounts/${encodeURI(id)}`;
}

export function transactionPath(id: EventId): string {
  return `/v1/transactions/${encodeURI(id)}`;
}

export function holdPath(id: EventId): string {
  return `/v1/holds/${encodeURI(id)}`;
}
