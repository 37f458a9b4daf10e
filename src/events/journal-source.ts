import type { AccountId, Micros } from "../ledger/account.ts";
import type { Place } from "../ledger/event-results.ts";

/** Where the journal of a shard ends. */
export interface JournalEnd {
  readonly shard: number;
  readonly g: number;
  readonly hash: Uint8Array;
}

/** A row of the journal: what one batch decided. */
export interface KeptRow {
  readonly shard: number;
  readonly g: number;
  /** The latest time among its events. */
  readonly time: Micros;
  readonly hash: Uint8Array;
  /** The texts of LedgerEvents, in order. */
  readonly events: readonly string[];
}

/** What never changes of an account. */
export interface AccountFacts {
  readonly unit: string;
  readonly openedAt: Micros;
}

/**
 * The journal as readers of events use it: only what is committed, so that nothing is told that could still be taken back.
 * Each method rejects with LedgerUnavailable where the journal cannot be read.
 */
export interface JournalSource {
  /** One for each shard, by shard. */
  ends(): Promise<readonly JournalEnd[]>;
  /** Rows of a shard with `g >= from`, in order; at most `count`, and it ends after some 256 KB. */
  rows(shard: number, from: number, count: number): Promise<readonly KeptRow[]>;
  /** `null` for a row that is not there. */
  hashesAt(
    rows: readonly { readonly shard: number; readonly g: number }[],
  ): Promise<readonly (Uint8Array | null)[]>;
  /** `g` of the first row whose time is at or after `time`; the last `g` + 1 if there is none. */
  firstSince(shard: number, time: Micros): Promise<number>;
  /** The texts of single events; `null` for one that is not there. */
  eventTexts(places: readonly Place[]): Promise<readonly (string | null)[]>;
  /** Without those that there are not. */
  facts(accounts: readonly AccountId[]): Promise<ReadonlyMap<AccountId, AccountFacts>>;
  /** Calls after new rows may be there, until the returned function is called. Costs nothing while nobody listens. */
  onKept(listener: () => void): () => void;
  close(): Promise<void>;
}
