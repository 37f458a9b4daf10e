import type { Batch } from "../carry/batch.ts";
import type { AccountId } from "../ledger/account.ts";
import type { Entry } from "../ledger/entry.ts";

/** The books as the deciding side uses them. Methods reject if the books cannot be reached. */
export interface BooksReader {
  /** Null if `razonete init` has not run. */
  fence(): Promise<BooksFence | null>;
  /**
   * Notes that batch `g` of the shard was answered and that Redis was then found not to have it. Does nothing if the
   * books are of another epoch by now.
   */
  noteSeen(epoch: string, shard: number, g: number): Promise<void>;
  /**
   * Why the books must not be relied on as their server is set, for a person; null if they may.
   *
   * @param durable false accepts a server that may lose committed rows when the machine loses its power
   */
  settingsFault(durable: boolean): Promise<string | null>;
  /** Whether the books have the event in batch `g` of the shard. */
  hasEvent(shard: number, g: number, event: string): Promise<boolean>;
  /** Up to `count` entries with a seq below `before` (null: beginning at the newest kept one). */
  history(account: AccountId, before: number | null, count: number): Promise<KeptHistory>;
}

/** What the books know about the Redis that belongs to them. */
export interface BooksFence {
  readonly epoch: string;
  /** Redis was filled for this epoch. If it is empty now, it has lost data. */
  readonly loaded: boolean;
  /** A restore was begun and is not finished. */
  readonly isRestoring: boolean;
  readonly shards: number;
  /** For each shard, by its number, the latest batch that is kept. */
  readonly lastG: readonly number[];
  /** For each shard the latest batch that was noted by {@link BooksReader.noteSeen}; 0 if there is none. */
  readonly seenG: readonly number[];
}

export interface KeptHistory {
  /** The seq of the account's latest kept entry, read together with the entries; 0 if there is none. */
  readonly keptSeq: number;
  /** Newest first. */
  readonly entries: readonly Entry[];
}

/** Publishes batches to subscribers. Nobody waits for it, and it never throws. */
export interface BatchFeed {
  publish(batch: Batch): void;
}
