import type { AccountState } from "../../ledger/account.ts";
import type { PartEvent } from "../../ledger/transit.ts";
import type { AttemptId } from "../../ledger/transit.ts";
import { fromBooks } from "../kept-transactions.ts";
import type { BooksReader } from "../ports.ts";
import type { Shards } from "../shards.ts";

/**
 * The accounts of a part as they stood after it was finished, where Redis remembers that no more: from the books, and from
 * the outbox what they do not have yet. Empty where a restore has lost it.
 *
 * @throws LedgerUnavailable (as a rejection)
 */
export async function accountsOfEnd(
  shards: Shards,
  books: BooksReader,
  attempt: AttemptId,
  shard: number,
): Promise<readonly AccountState[]> {
  const fromTheBooks = () => fromBooks(books.endOfPart(shard, attempt));
  let end = await fromTheBooks();
  if (end === null) {
    const batches = await shards.of(shard).outbox();
    const events = batches.flatMap((batch) => batch.events);
    end =
      events.findLast((event): event is PartEvent => event.type === "finish" && event.attempt === attempt) ??
      null;
    // What is removed from the outbox meanwhile is in the books by now.
    end ??= await fromTheBooks();
  }
  return end?.accounts ?? [];
}
