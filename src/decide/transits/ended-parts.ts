import type { AccountState } from "../../ledger/account.ts";
import type { LedgerEvent } from "../../ledger/event.ts";
import type { PartEvent } from "../../ledger/transit.ts";
import type { AttemptId } from "../../ledger/transit.ts";
import { fromBooks } from "../kept-transactions.ts";
import type { BooksReader } from "../ports.ts";
import { SharedReads } from "../shared-reads.ts";
import type { Shards } from "../shards.ts";

/** Parts that were finished, where Redis remembers that no more. */
export class EndedParts {
  readonly #shards: Shards;
  readonly #books: BooksReader;
  /** Of whole outboxes. Many need one at once where a long batch is sent again. */
  readonly #outboxes = new SharedReads<readonly LedgerEvent[]>();

  constructor(shards: Shards, books: BooksReader) {
    this.#shards = shards;
    this.#books = books;
  }

  /**
   * The accounts of a part as they stood after it was finished: from the books, and from the outbox what they do not have
   * yet. Empty where a restore has lost it.
   *
   * @throws LedgerUnavailable (as a rejection)
   */
  async accountsOf(attempt: AttemptId, shard: number): Promise<readonly AccountState[]> {
    const fromTheBooks = () => fromBooks(this.#books.endOfPart(shard, attempt));
    let end = await fromTheBooks();
    if (end === null) {
      // One that is being read already has it: what Redis does not remember was finished at least 16 s ago.
      const events = await this.#outboxes.read(String(shard), () => this.#outboxOf(shard));
      end =
        events.findLast(
          (event): event is PartEvent => event.type === "finish" && event.attempt === attempt,
        ) ?? null;
      // What is removed from the outbox meanwhile is in the books by now.
      end ??= await fromTheBooks();
    }
    return end?.accounts ?? [];
  }

  async #outboxOf(shard: number): Promise<readonly LedgerEvent[]> {
    const batches = await this.#shards.of(shard).outbox();
    return batches.flatMap((batch) => batch.events);
  }
}
