import { setImmediate as nextTurn } from "node:timers/promises";
import { bounds } from "../bounds.ts";
import type { Account } from "../ledger/account.ts";
import { parseEvent } from "../ledger/event.ts";
import { transactionOf } from "../ledger/event-results.ts";
import type { AccountFilter, HoldFilter, Listed, ListPage, TransactionFilter } from "../ledger/ledger.ts";
import type { Hold, Transaction } from "../ledger/transaction.ts";
import { type EventAt, SHARD, type TableReader } from "./read-tables.ts";

/** Some rows of a list. */
interface Chunk<Item> {
  /** Those that are asked for, each with its key. */
  readonly found: readonly { readonly key: string; readonly item: Item }[];
  /** The key of the last row; `null` if there are no more. */
  readonly last: string | null;
}

/**
 * Reads a list until the page is full. Many rows may not be what is asked for, so a few are read at a time, and between
 * them the ledger decides.
 */
async function fillPage<Item>(
  { count, after }: ListPage,
  read: (after: string | null) => Chunk<Item>,
): Promise<Listed<Item>> {
  const found: { readonly key: string; readonly item: Item }[] = [];
  let last = after;
  for (;;) {
    const chunk = read(last);
    found.push(...chunk.found);
    last = chunk.last;
    if (found.length > count || last === null) break;
    await nextTurn();
  }
  const items = found.slice(0, count).map(({ item }) => item);
  return { items, next: found.length > count ? (found[count - 1]?.key ?? null) : null };
}

/** By id. */
export function listAccounts(
  read: () => TableReader,
  filter: AccountFilter,
  page: ListPage,
): Promise<Listed<Account>> {
  return fillPage(page, (after) => {
    const rows = read().accountsAfter(after ?? "", bounds.list_chunk_rows);
    const found = rows.filter((account) => isAsked(account, filter));
    return {
      found: found.map((item) => ({ key: item.id, item })),
      last: rows.length < bounds.list_chunk_rows ? null : (rows.at(-1)?.id ?? null),
    };
  });
}

function isAsked(account: Account, filter: AccountFilter): boolean {
  const { unit, state, name, metadata, balanceLessThan, balanceGreaterThan } = filter;
  return (
    (unit === null || account.unit === unit) &&
    (state === null || account.state === state) &&
    (name === null || account.name?.startsWith(name) === true) &&
    (balanceLessThan === null || account.balance < balanceLessThan) &&
    (balanceGreaterThan === null || account.balance > balanceGreaterThan) &&
    Object.entries(metadata).every(
      ([member, text]) => Object.hasOwn(account.metadata, member) && account.metadata[member] === text,
    )
  );
}

/** Newest first. */
export function listHolds(
  read: () => TableReader,
  { account, state }: HoldFilter,
  page: ListPage,
): Promise<Listed<Hold>> {
  return fillPage(page, (after) => {
    const rows = read().holdsDown(account, placeIn(after) ?? END, bounds.list_chunk_rows);
    const last = rows.at(-1);
    return {
      found: rows
        .filter(({ hold }) => state === null || hold.state === state)
        .map((row) => ({ key: keyOf(row), item: row.hold })),
      last: rows.length < bounds.list_chunk_rows || last === undefined ? null : keyOf(last),
    };
  });
}

/**
 * Newest first. Those of a reference or an account are found by their entries, all others by reading the journal
 * backwards.
 *
 * @param lastRow the number of the journal's last row
 */
export function listTransactions(
  read: () => TableReader,
  lastRow: number,
  filter: TransactionFilter,
  page: ListPage,
): Promise<Listed<Transaction>> {
  const { fromTime, beforeTime } = filter;
  // Rows of the journal are in the order of their times, which are those of the last of their events.
  const firstRow = fromTime === null ? 0 : read().journalFrom(fromTime, lastRow);
  const end = beforeTime === null ? END : { g: read().journalFrom(beforeTime, lastRow) + 1, event: 0 };
  return fillPage(page, (after) => {
    const before = earlier(placeIn(after) ?? END, end);
    const chunk =
      filter.reference !== null
        ? byEntries(
            read(),
            read().placesOfReference(filter.reference, before, bounds.list_chunk_transactions),
          )
        : filter.account !== null
          ? ofAccount(read(), filter.account, before)
          : ofJournal(read(), before, page.count + 1);
    return {
      found: chunk.found
        .filter(({ item, place }) => place.g >= firstRow && isInside(item, filter))
        .map(keyed),
      last: chunk.last === null || chunk.last.g < firstRow ? null : keyOf(chunk.last),
    };
  });
}

interface TransactionChunk {
  readonly found: readonly { readonly place: EventAt; readonly item: Transaction }[];
  readonly last: EventAt | null;
}

function byEntries(read: TableReader, places: readonly EventAt[]): TransactionChunk {
  const found: { readonly place: EventAt; readonly item: Transaction }[] = [];
  for (const [index, place] of places.entries()) {
    const before = places[index - 1];
    // Its entries on one account follow each other.
    if (before?.g === place.g && before.event === place.event) continue;
    const item = read.transactionAt(place);
    if (item !== null) found.push({ place, item });
  }
  return { found, last: places.length < bounds.list_chunk_transactions ? null : (places.at(-1) ?? null) };
}

function ofAccount(read: TableReader, id: string, before: EventAt): TransactionChunk {
  const account = read.account(id);
  if (account === null) return { found: [], last: null };
  return byEntries(read, read.placesOfAccount(id, account.seq, before, bounds.list_chunk_transactions));
}

/** @param enough so many are read at most */
function ofJournal(read: TableReader, before: EventAt, enough: number): TransactionChunk {
  const found: { readonly place: EventAt; readonly item: Transaction }[] = [];
  const rows = read.journalDown(before.event === 0 ? before.g - 1 : before.g, bounds.list_chunk_journal_rows);
  for (const { g, events } of rows) {
    const texts: unknown = JSON.parse(events);
    if (!Array.isArray(texts)) continue;
    for (let event = texts.length - 1; event >= 0; event -= 1) {
      const text: unknown = texts[event];
      if (typeof text !== "string" || !/^[cdtp]/.test(text) || (g === before.g && event >= before.event))
        continue;
      const item = transactionOf(parseEvent(text), { shard: SHARD, g, index: event });
      if (item !== null) found.push({ place: { g, event }, item });
      if (found.length === enough) return { found, last: { g, event } };
    }
  }
  const last = rows.at(-1);
  return { found, last: last === undefined || last.g === 0 ? null : { g: last.g, event: 0 } };
}

function isInside(transaction: Transaction, { account, fromTime, beforeTime }: TransactionFilter): boolean {
  const { time, postings } = transaction;
  return (
    (fromTime === null || time >= fromTime) &&
    (beforeTime === null || time < beforeTime) &&
    (account === null || postings.some(({ from, to }) => from === account || to === account))
  );
}

function keyed<Item>({ place, item }: { readonly place: EventAt; readonly item: Item }) {
  return { key: keyOf(place), item };
}

/** Behind all places. */
const END: EventAt = { g: Number.MAX_SAFE_INTEGER, event: 0 };

function keyOf({ g, event }: EventAt): string {
  return `${g}-${event}`;
}

/** `null` if the key is none. */
function placeIn(key: string | null): EventAt | null {
  const [, g, event] = /^(\d{1,15})-(\d{1,5})$/.exec(key ?? "") ?? [];
  return g === undefined || event === undefined ? null : { g: Number(g), event: Number(event) };
}

function earlier(a: EventAt, b: EventAt): EventAt {
  return a.g < b.g || (a.g === b.g && a.event < b.event) ? a : b;
}
