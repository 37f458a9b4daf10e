import type { AccountId, AccountState, Metadata, Micros, Party } from "./account.ts";

/**
 * The id of a transaction or a hold. The ledger makes it of the place where it stands in the journal, so that it is found
 * there: shard, batch, which event of it, and the microseconds of its time, by which another event in the same place (after
 * data was lost) is not taken for it.
 */
export type EventId = string;

/** One move of an amount, from one account to another. */
export interface Posting {
  readonly from: Party;
  readonly to: Party;
  /** In the smallest part of their unit: 1 to 2^53 - 1. */
  readonly amount: number;
}

/** What clients say of a transaction or a hold. */
export interface Details {
  /** Up to 140 code points. */
  readonly description: string | null;
  /** The client's own name for it, up to 64 visible ASCII characters; not unique. */
  readonly reference: string | null;
  readonly metadata: Metadata;
}

export const NO_DETAILS: Details = { description: null, reference: null, metadata: {} };

/** What must hold before the first posting. `least` and `most` are within ±2^53, which stand for no bound. */
export interface Condition {
  readonly account: AccountId;
  readonly what: "balance" | "available" | "seq";
  readonly least: number;
  readonly most: number;
}

/** Postings that happened, all of them. */
export interface Transaction extends Details {
  readonly id: EventId;
  readonly postings: readonly Posting[];
  /** The transaction that this one takes back. */
  readonly reverses: EventId | null;
  /** The hold whose capture it is. */
  readonly hold: EventId | null;
  readonly time: Micros;
}

/** The accounts of a transaction as they stood after it, by id. */
export type AccountsAfter = readonly AccountState[];

export type HoldStatus = "open" | "captured" | "released" | "expired";

/** An amount of an account that is set aside until it is captured, released, or expires. */
export interface Hold extends Details {
  readonly id: EventId;
  readonly state: HoldStatus;
  readonly from: AccountId;
  readonly to: Party;
  readonly amount: number;
  /** What was moved in all. */
  readonly captured: number;
  readonly expiresAt: Micros;
  readonly time: Micros;
  /** That of its capture, if it moved anything. */
  readonly transaction: EventId | null;
}

/** A posting with what it made of its two sides; 0 for the outside. */
export interface PostingDone extends Posting {
  readonly fromSeq: number;
  readonly fromBalance: number;
  readonly toSeq: number;
  readonly toBalance: number;
}
