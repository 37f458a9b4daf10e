import { type Account, type AccountId, type AccountState, type Micros, WORLD } from "../ledger/account.ts";
import type { Place } from "../ledger/event-results.ts";
import type { Hold, Posting, Transaction } from "../ledger/transaction.ts";

/** What those who follow the ledger are told of: one event for each decision that was accepted. */

export const EVENT_TYPES = [
  "account.opened",
  "account.changed",
  "transaction.created",
  "hold.created",
  "hold.captured",
  "hold.released",
  "hold.expired",
] as const;

export type EventType = (typeof EVENT_TYPES)[number];

interface Common {
  /** Made of its place, so it is the same for every reader, at every attempt. */
  readonly id: string;
  readonly place: Place;
  readonly time: Micros;
}

export interface AccountEvent extends Common {
  readonly type: "account.opened" | "account.changed";
  readonly account: Account;
}

export interface TransactionEvent extends Common {
  readonly type: "transaction.created";
  readonly transaction: Transaction;
  /** All of its shard that it touches, as they stand after it. */
  readonly accounts: readonly AccountState[];
}

export interface HoldEvent extends Common {
  readonly type: "hold.created" | "hold.released" | "hold.expired";
  readonly hold: Hold;
  readonly accounts: readonly AccountState[];
}

export interface CaptureEvent extends Common {
  readonly type: "hold.captured";
  readonly hold: Hold;
  readonly accounts: readonly AccountState[];
  /** Those of the transaction that it made; none, where nothing was captured. */
  readonly postings: readonly Posting[];
}

export type PublicEvent = AccountEvent | TransactionEvent | HoldEvent | CaptureEvent;

/**
 * All accounts that it touches, each once, without the outside. Of a transaction across shards each shard has an event, which
 * touches the accounts of that shard.
 */
export function accountsOf(event: PublicEvent): readonly AccountId[] {
  if ("account" in event) return [event.account.id];
  const accounts = new Set(event.accounts.map(({ id }) => id));
  if ("hold" in event)
    for (const party of [event.hold.from, event.hold.to]) if (party !== WORLD) accounts.add(party);
  return [...accounts];
}
