import type { Batch } from "../carry/batch.ts";
import type { BooksFence } from "../keep/books.ts";
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

/** Carries batches to whoever listens. Takes them without being waited for, and never throws. */
export interface BatchFeed {
  publish(batch: Batch): void;
}
