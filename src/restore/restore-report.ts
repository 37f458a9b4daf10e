/** What `razonete restore` did, or with `planOnly` would do; also its output with --json. */
export interface RestoreReport {
  /** `not-needed`: Redis and the books belong together, and nothing that was answered is known to be missing. */
  readonly type: "restored" | "not-needed" | "declined";
  /** In force from now on. */
  readonly epoch: string;
  readonly shards: readonly RestoredShard[];
  readonly missing: Missing;
}

export interface RestoredShard {
  readonly shard: number;
  /** How Redis was found. */
  readonly found: "empty" | "older" | "another epoch" | "ahead of the books" | "whole";
  /** The books' cursor as it was found. */
  readonly keptG: number;
  /** Batches that came into the books from each source. */
  readonly fromOutbox: number;
  readonly fromFeed: number;
  /** The cursor afterwards: the latest batch that anything knew of. */
  readonly lastG: number;
}

/** What was answered, as far as anything still tells of it, and is in none of the places that were read. */
export interface Missing {
  /** Batches that nothing holds any more: which accounts they changed is not known. */
  readonly batches: readonly { readonly shard: number; readonly from: number; readonly to: number }[];
  /** Accounts of which something later is known than what could be brought back. */
  readonly accounts: readonly MissingOfAccount[];
}

export interface MissingOfAccount {
  readonly account: number;
  /** As it stands now: up to here its chain is whole. */
  readonly seq: number;
  readonly balance: number;
  /** The latest that something (feed, outbox, Redis itself) tells of it. */
  readonly knownSeq: number;
  readonly knownBalance: number;
}
