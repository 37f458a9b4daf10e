import type { AccountId } from "../ledger/account.ts";
import type { EventId } from "../ledger/transaction.ts";
import type { AttemptId } from "../ledger/transit.ts";

/** What `razonete restore` did, or would do with --dry-run; also its output with --json. */
export interface RestoreReport {
  /** `not-needed`: Redis and the books belong together, and nothing that was answered is known to be missing. */
  readonly type: "restored" | "not-needed" | "declined";
  /** The epoch from now on. */
  readonly epoch: string;
  readonly shards: readonly RestoredShard[];
  readonly missing: Missing;
  readonly unknown: readonly UnknownEpoch[];
}

/**
 * What Redis or the feed hold of an epoch that the books have never heard of: of another ledger, or decided after a restore
 * that these books are older than. It was answered, and they cannot take it.
 */
export interface UnknownEpoch {
  readonly shard: number;
  readonly epoch: string;
  readonly lastG: number;
  readonly heldBy: "Redis" | "the feed";
}

export interface RestoredShard {
  readonly shard: number;
  /** The state in which Redis was found. */
  readonly found: "empty" | "older" | "another epoch" | "ahead of the books" | "whole";
  /** The books' cursor as it was found. */
  readonly keptG: number;
  /** Number of batches that were brought into the books from each source. */
  readonly fromOutbox: number;
  readonly fromFeed: number;
  /** The cursor afterwards: the latest batch that any source knew of. */
  readonly lastG: number;
}

/** What was answered and is in no source that was read, as far as it can still be known. */
export interface Missing {
  /** Batches that no source has any more: which accounts they changed is unknown. */
  readonly batches: readonly { readonly shard: number; readonly from: number; readonly to: number }[];
  /** Accounts of which a later state is known than the one that could be recovered. */
  readonly accounts: readonly MissingOfAccount[];
  /**
   * Transactions across shards of which one shard has lost its side, which could not be made again. What they move is in
   * transit for good. Absent in what an earlier version has begun.
   */
  readonly transits?: readonly LostTransit[];
}

export interface LostTransit {
  readonly attempt: AttemptId;
  readonly transaction: EventId;
  /** The one that has lost it, */
  readonly shard: number;
  /** and its accounts that the transaction moves. */
  readonly accounts: readonly AccountId[];
}

export interface MissingOfAccount {
  readonly account: AccountId;
  /** Its state now: up to here its chain of entries is complete. */
  readonly seq: number;
  readonly balance: number;
  /** Its latest state that any source (feed, outbox, Redis itself) knows of. */
  readonly knownSeq: number;
  readonly knownBalance: number;
}
