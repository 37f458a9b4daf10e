import type { Batch } from "../carry/batch.ts";
import type { Entry } from "../ledger/entry.ts";

/** What the books tell the deciding side. Methods reject where the books cannot be asked. */
export interface BooksReader {
  /** Null where `razonete init` has not run. */
  fence(): Promise<BooksFence | null>;
  /**
   * Notes that batch `g` of the shard was answered, which Redis was then found not to have. Does nothing where the
   * books are of another epoch by now.
   */
  noteSeen(epoch: string, shard: number, g: number): Promise<void>;
  /** Whether what the event tells of stands in the books: the same command, at the same place. */
  hasEvent(event: string): Promise<boolean>;
  /** Up to `count` entries with a seq under `before` (null: from the newest kept). */
  history(account: number, before: number | null, count: number): Promise<KeptHistory>;
}

/** What the books know of the Redis that they belong to. */
export interface BooksFence {
  readonly epoch: string;
  /** Redis was filled for this epoch once; an empty one has lost data since. */
  readonly loaded: boolean;
  readonly shards: number;
  /** Of each shard the latest batch that is kept; the shard is the place in the list. */
  readonly lastG: readonly number[];
  /** Likewise the latest batch that was noted by {@link BooksReader.noteSeen}; 0 where none was. */
  readonly seenG: readonly number[];
}

export interface KeptHistory {
  /** The seq of the account's latest entry that is kept, of the same moment as the entries; 0 where there is none. */
  readonly keptSeq: number;
  /** Newest first. */
  readonly entries: readonly Entry[];
}

/** Carries batches to whoever listens. Takes them without being waited for, and never throws. */
export interface BatchFeed {
  publish(batch: Batch): void;
}
