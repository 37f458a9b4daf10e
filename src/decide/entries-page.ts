import type { AccountId } from "../ledger/account.ts";
import type { KeptEntry } from "../ledger/entry.ts";
import { entriesOf } from "../ledger/event-results.ts";
import type { EntriesPage } from "../ledger/ledger.ts";
import { fromBooks } from "./kept-transactions.ts";
import type { BooksReader } from "./ports.ts";
import type { Shard } from "./shard.ts";

/**
 * Reads the entries of an account from the books, and from Redis's outbox those that are not in the books yet. The outbox
 * is read only if there are any, and before the books are read again: what the writer keeps and removes from it after that
 * is in them by then.
 *
 * @param number the shard's
 * @returns null if there is no such account
 * @throws LedgerUnavailable (as a rejection)
 */
export async function readEntriesPage(
  books: BooksReader,
  shard: Shard,
  number: number,
  id: AccountId,
  page: EntriesPage,
): Promise<readonly KeptEntry[] | null> {
  const snapshot = await shard.account(id, false);
  if (snapshot === null) return null;
  const first = await fromBooks(books.entries(id, page));
  if (first.keptSeq >= snapshot.account.seq) return first.entries;
  const batches = await shard.outbox();
  const kept = await fromBooks(books.entries(id, page));
  const unkept = batches
    .flatMap(({ g, events }) =>
      events.flatMap((event, index) => entriesOf(event, { shard: number, g, index })),
    )
    .filter((entry) => entry.account === id && entry.seq > kept.keptSeq && isOnPage(entry, page));
  const all =
    page.order === "desc" ? [...unkept.toReversed(), ...kept.entries] : [...kept.entries, ...unkept];
  return all.slice(0, page.count);
}

function isOnPage({ seq, time }: KeptEntry, { from, before, fromTime, beforeTime }: EntriesPage): boolean {
  return (
    seq >= (from ?? 0) &&
    seq < (before ?? Infinity) &&
    time >= (fromTime ?? -Infinity) &&
    time < (beforeTime ?? Infinity)
  );
}
