import type { Account, AccountId, AccountState, Metadata, Party } from "../../ledger/account.ts";
import type { KeptEntry } from "../../ledger/entry.ts";
import type { KeptTransaction, UnitTotals } from "../../ledger/ledger.ts";
import { availableOf } from "../../ledger/rules.ts";
import type { Details, EventId, Hold, Transaction } from "../../ledger/transaction.ts";
import { timestamp } from "../timestamp.ts";

/**
 * The objects of `/v1` as they are on the wire. Those that commands are answered with are written by hand: there may be
 * two accounts in each of the 500 results of a batch. Ids, units and states have no character that JSON escapes.
 */

export function accountJson(account: Account): string {
  const { id, unit, name, metadata } = account;
  const named = `"name":${textJson(name)},"metadata":${metadataJson(metadata)}`;
  return `{"id":"${id}","unit":"${unit}",${named},${restOfState(account)}}`;
}

/** Without name and metadata, as other objects show their accounts. */
export function stateJson(account: AccountState): string {
  return `{"id":"${account.id}","unit":"${account.unit}",${restOfState(account)}}`;
}

function restOfState(account: AccountState): string {
  const { state, creditLimit, balance, held, seq, openedAt } = account;
  const amounts = `"credit_limit":${creditLimit},"balance":${balance},"held":${held},"available":${availableOf(account)}`;
  return `"state":"${state}",${amounts},"seq":${seq},"opened_at":"${timestamp(openedAt)}"`;
}

/** A transaction as it is after its command, with the accounts as they stand then. */
export function createdTransactionJson(transaction: Transaction, accounts: readonly AccountState[]): string {
  const states = accounts.map((account) => `"${account.id}":${stateJson(account)}`);
  return `${openTransactionJson(transaction)},"accounts":{${states.join(",")}}}`;
}

export function keptTransactionJson({ transaction, reversedBy }: KeptTransaction): string {
  return `${openTransactionJson(transaction)},"reversed_by":${idJson(reversedBy)}}`;
}

export function transactionJson(transaction: Transaction): string {
  return `${openTransactionJson(transaction)}}`;
}

/** What is shown of a party: `null` where it is an account of somebody else. */
type SeenParty = Party | null;

interface SeenPosting {
  readonly from: SeenParty;
  readonly to: SeenParty;
  readonly amount: number;
}

/** Without the brace at the end. */
export function openTransactionJson(
  transaction: Omit<Transaction, "postings"> & { readonly postings: readonly SeenPosting[] },
): string {
  const { id, postings, reverses, hold, time } = transaction;
  const of = `"reverses":${idJson(reverses)},"hold":${idJson(hold)}`;
  // A dry run has no id.
  const head = `{"id":${idJson(id || null)},"postings":${postingsJson(postings)}`;
  return `${head},${detailsJson(transaction)},${of},"created_at":"${timestamp(time)}"`;
}

export function postingsJson(postings: readonly SeenPosting[]): string {
  const moves = postings.map(
    ({ from, to, amount }) => `{"from":${idJson(from)},"to":${idJson(to)},"amount":${amount}}`,
  );
  return `[${moves.join(",")}]`;
}

/** A hold as it is after its command, with its account as it stands then. */
export function decidedHoldJson(hold: Hold, account: AccountState): string {
  return `${openHoldJson(hold)},"account":${stateJson(account)}}`;
}

export function holdJson(hold: Hold): string {
  return `${openHoldJson(hold)}}`;
}

/** Without the brace at the end. */
export function openHoldJson(hold: Omit<Hold, "to"> & { readonly to: SeenParty }): string {
  const { id, state, from, to, amount, captured, expiresAt, time, transaction } = hold;
  const head = `{"id":"${id}","state":"${state}","from":"${from}","to":${idJson(to)},"amount":${amount}`;
  const end = `"captured":${captured},"expires_at":"${timestamp(expiresAt)}"`;
  const made = `"created_at":"${timestamp(time)}","transaction":${idJson(transaction)}`;
  return `${head},${end},${detailsJson(hold)},${made}`;
}

function detailsJson({ description, reference, metadata }: Details): string {
  const texts = `"description":${textJson(description)},"reference":${textJson(reference)}`;
  return `${texts},"metadata":${metadataJson(metadata)}`;
}

function textJson(text: string | null): string {
  return text === null ? "null" : JSON.stringify(text);
}

function idJson(id: string | null): string {
  return id === null ? "null" : `"${id}"`;
}

function metadataJson(metadata: Metadata): string {
  for (const _ in metadata) return JSON.stringify(metadata);
  return "{}";
}

export type EntryJson = ReturnType<typeof entryJson>;

/** @param isShown whether the counterparty is for who asks; an account of somebody else is not named */
export function entryJson(entry: KeptEntry, isShown: boolean) {
  return {
    seq: entry.seq,
    amount: entry.kind === "credit" ? entry.value : -entry.value,
    balance: entry.balance,
    counterparty: isShown ? entry.counterparty : null,
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

/** Texts, since sums may be beyond 2^53. */
export function unitJson({ unit, balances, world, inTransit }: UnitTotals) {
  return { unit, balances: String(balances), world: String(world), in_transit: String(inTransit) };
}
