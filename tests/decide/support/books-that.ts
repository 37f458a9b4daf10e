import type { BooksReader } from "../../../src/decide/ports.ts";
import type { EntriesPage } from "../../../src/ledger/ledger.ts";

/** Books that do some things otherwise. */
export function booksThat(books: BooksReader, otherwise: Partial<BooksReader>): BooksReader {
  return {
    fence: () => books.fence(),
    noteSeen: (...batch) => books.noteSeen(...batch),
    settingsFault: (durable) => books.settingsFault(durable),
    hasEvent: (...event) => books.hasEvent(...event),
    entries: (...page) => books.entries(...page),
    batch: (...place) => books.batch(...place),
    endOfPart: (shard, attempt) => books.endOfPart(shard, attempt),
    hold: (id) => books.hold(id),
    reversalOf: (id) => books.reversalOf(id),
    balanceAt: (...at) => books.balanceAt(...at),
    accounts: (...list) => books.accounts(...list),
    transactions: (...list) => books.transactions(...list),
    holds: (...list) => books.holds(...list),
    totals: () => books.totals(),
    ...otherwise,
  };
}

/** The newest entries of an account. */
export function newest(count: number): EntriesPage {
  return { count, order: "desc", from: null, before: null, fromTime: null, beforeTime: null };
}
