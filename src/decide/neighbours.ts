import type { Entry } from "../ledger/entry.ts";

/** What the books tell the deciding side. Methods reject where the books cannot be asked. */
export interface BooksReader {
  /** Null where `razonete init` has not run. */
  fence(): Promise<BooksFence | null>;
  /** Entries with a seq under `before` (null: from the newest kept), newest first, and the newest kept seq. */
  history(
    account: number,
    before: number | null,
    count: number,
  ): Promise<{ readonly entries: readonly Entry[]; readonly keptSeq: number }>;
}

export interface BooksFence {
  readonly epoch: string;
  /** Redis was loaded for this epoch; before that nobody may decide. */
  readonly loaded: boolean;
  readonly shards: number;
  /** For each shard, the latest batch in the books. */
  readonly lastG: readonly number[];
}

/** The accepted commands of one call, as they stand in the outbox. */
export interface EventBatch {
  readonly epoch: string;
  readonly shard: number;
  readonly g: number;
  readonly events: readonly string[];
}

/** Carries batches to whoever listens. Takes them without being waited for, and never throws. */
export interface BatchFeed {
  publish(batch: EventBatch): void;
}
