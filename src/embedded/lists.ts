import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { bounds } from "../bounds.ts";
import type { Account, AccountId, Metadata } from "../ledger/account.ts";
import { type AccountOrder, compareRanks, keyOfRank, rankInKey, rankOf } from "../ledger/account-order.ts";
import { parseEvent } from "../ledger/event.ts";
import { transactionOf } from "../ledger/event-results.ts";
import type { AccountFilter, HoldFilter, Listed, ListPage, TransactionFilter } from "../ledger/ledger.ts";
import { isOwnHold, isOwnTransaction } from "../ledger/own-accounts.ts";
import type { Hold, Transaction } from "../ledger/transaction.ts";
import { type EventAt, SHARD, type TableReader } from "./read-tables.ts";

/** Some rows of a list. */
interface Chunk<Item> {
  /** Those that are asked for, each with its key. */
  readonly found: readonly { readonly key: string; readonly item: Item }[];
  /** The key of the last row; `null` if there are no more. */
  readonly last: string | null;
  /** How many were read. */
  readonly rows: number;
}

/**
 * Reads a list until the page is full. Many rows may not be what is asked for, so a few are read at a time, and between
 * them the ledger decides.
 *
 * @param beginning what the ids begin with of the accounts that it is of. Most rows may then be other ones', and the page
 * ends after so many of them, with fewer items
 */
async function fillPage<Item>(
  { count, after }: ListPage,
  beginning: string,
  read: (after: string | null) => Promise<Chunk<Item>> | Chunk<Item>,
): Promise<Listed<Item>> {
  const found: { readonly key: string; readonly item: Item }[] = [];
  let last = after;
  let rows = 0;
  for (;;) {
    const chunk = await read(last);
    found.push(...chunk.found);
    last = chunk.last;
    rows += chunk.rows;
    if (found.length > count || last === null) break;
    if (beginning !== "" && rows >= bounds.list_own_rows_max)
      return { items: found.map(({ item }) => item), next: last };
    await nextTurn();
  }
  const items = found.slice(0, count).map(({ item }) => item);
  return { items, next: found.length > count ? (found[count - 1]?.key ?? null) : null };
}

/**
 * In the order of the filter. Nothing is kept in the order of balances, which each transaction would have to pay for: by
 * another order than that of ids all accounts are looked through for each page, and the first ones kept.
 */
export async function listAccounts(
  read: () => TableReader,
  filter: AccountFilter,
  { count, after }: ListPage,
  turns: Turns,
): Promise<Listed<Account>> {
  const { order, idBeginning } = filter;
  const from = after === null ? null : rankInKey(order, after);
  if (after !== null && from === null) return { items: [], next: null };
  // What metadata it has is seen only afterwards.
  const most = Object.keys(filter.metadata).length === 0 ? count + 1 : bounds.list_slice_accounts;
  let found: Account[] = [];
  let reached = order === "id" ? after : null;
  for (let slices = 1; ; slices += 1) {
    const beganAt = performance.now();
    const to = read().accountAt(reached, idBeginning, bounds.list_slice_accounts);
    const last = found[count];
    const ranks = { from, to: last === undefined ? null : rankOf(order, last) };
    const slice = read().accountsRanked(filter, { after: reached, to }, ranks, most);
    found = firstOf(
      order,
      [...found, ...slice.filter((account) => hasAll(account, filter.metadata))],
      count + 1,
    );
    if (to === null || (order === "id" && found.length > count)) break;
    const isLong = idBeginning !== "" && slices * bounds.list_slice_accounts >= bounds.list_own_rows_max;
    if (order === "id" && isLong) return { items: found, next: to };
    reached = to;
    await turns.next(beganAt);
  }
  const items = found.slice(0, count);
  const end = items.at(-1);
  const hasMore = found.length > count && end !== undefined;
  return { items, next: hasMore ? keyOfRank(order, rankOf(order, end)) : null };
}

/**
 * However many look through all accounts at once, one of them reads a slice, and then the ledger decides. While it has
 * anything to decide, slices have a quarter of the time.
 *
 * @param g which batch was decided last
 */
export class Turns {
  readonly #g: () => number;
  #last: Promise<void> = Promise.resolve();

  constructor(g: () => number) {
    this.#g = g;
  }

  /** Resolves when the next slice may be read. @param beganAt when the one before it was, by performance.now() */
  next(beganAt: number): Promise<void> {
    const milliseconds = Math.min(performance.now() - beganAt, SLICE_MILLISECONDS_MAX);
    this.#last = this.#last.then(async () => {
      const before = this.#g();
      await nextTurn();
      if (this.#g() !== before) await sleep(milliseconds * 3);
    });
    return this.#last;
  }
}

/** What took longer was not this process's doing. */
const SLICE_MILLISECONDS_MAX = 10;

function firstOf(order: AccountOrder, accounts: readonly Account[], count: number): Account[] {
  // They are read by ids.
  if (order === "id") return accounts.slice(0, count);
  return accounts.toSorted((a, b) => compareRanks(rankOf(order, a), rankOf(order, b))).slice(0, count);
}

function hasAll(account: Account, metadata: Metadata): boolean {
  return Object.entries(metadata).every(
    ([member, text]) => Object.hasOwn(account.metadata, member) && account.metadata[member] === text,
  );
}

/** Newest first. */
export function listHolds(
  read: () => TableReader,
  { idBeginning, account, state }: HoldFilter,
  page: ListPage,
): Promise<Listed<Hold>> {
  const few = account === null ? fewAccounts(read(), idBeginning) : null;
  const size = few === null ? bounds.list_chunk_rows : page.count + 1;
  return fillPage(page, idBeginning, async (after) => {
    const before = placeIn(after) ?? END;
    const rows =
      few === null
        ? read().holdsDown(account, before, size)
        : await newestOf(few, size, (id) => read().holdsDown(id, before, size));
    const last = rows.at(-1);
    return {
      rows: rows.length,
      found: rows
        .filter(({ hold }) => (state === null || hold.state === state) && isOwnHold(idBeginning, hold))
        .map((row) => ({ key: keyOf(row), item: row.hold })),
      last: rows.length < size || last === undefined ? null : keyOf(last),
    };
  });
}

/** The accounts that begin so, if they are few; `null` if they are many, or all. */
function fewAccounts(read: TableReader, beginning: string): readonly AccountId[] | null {
  if (beginning === "") return null;
  const ids = read.accountIds(beginning, bounds.list_own_accounts_max + 1);
  return ids.length > bounds.list_own_accounts_max ? null : ids;
}

/** The newest of several accounts together, of each of which as many are read; in between the ledger decides. */
async function newestOf<Row extends EventAt>(
  accounts: readonly AccountId[],
  count: number,
  rowsOf: (account: AccountId) => readonly Row[],
): Promise<Row[]> {
  const rows: Row[] = [];
  for (const [index, account] of accounts.entries()) {
    rows.push(...rowsOf(account));
    if (index % ACCOUNTS_AT_ONCE === ACCOUNTS_AT_ONCE - 1) await nextTurn();
  }
  return rows.toSorted((a, b) => b.g - a.g || b.event - a.event).slice(0, count);
}

const ACCOUNTS_AT_ONCE = 20;

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
  const { reference, account, idBeginning } = filter;
  const few = reference === null && account === null ? fewAccounts(read(), idBeginning) : null;
  return fillPage(page, idBeginning, async (after) => {
    const before = earlier(placeIn(after) ?? END, end);
    const chunk =
      reference !== null
        ? byEntries(read(), read().placesOfReference(reference, before, bounds.list_chunk_transactions))
        : account !== null
          ? byEntries(read(), placesOf(read(), account, before))
          : few !== null
            ? await ofAccounts(read, few, before)
            : ofJournal(read(), idBeginning, before, page.count + 1);
    return {
      rows: chunk.rows,
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
  readonly rows: number;
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
  const last = places.length < bounds.list_chunk_transactions ? null : (places.at(-1) ?? null);
  return { found, last, rows: places.length };
}

function placesOf(read: TableReader, id: AccountId, before: EventAt): EventAt[] {
  const account = read.account(id);
  if (account === null) return [];
  return read.placesOfAccount(id, account.seq, before, bounds.list_chunk_transactions);
}

async function ofAccounts(
  read: () => TableReader,
  accounts: readonly AccountId[],
  before: EventAt,
): Promise<TransactionChunk> {
  const places = await newestOf(accounts, bounds.list_chunk_transactions, (id) =>
    placesOf(read(), id, before),
  );
  return byEntries(read(), places);
}

/**
 * @param beginning rows without it are passed over
 * @param enough so many are read at most
 */
function ofJournal(read: TableReader, beginning: string, before: EventAt, enough: number): TransactionChunk {
  const found: { readonly place: EventAt; readonly item: Transaction }[] = [];
  const rows = read.journalDown(before.event === 0 ? before.g - 1 : before.g, bounds.list_chunk_journal_rows);
  for (const { g, events } of rows) {
    if (!events.includes(beginning)) continue;
    const texts: unknown = JSON.parse(events);
    if (!Array.isArray(texts)) continue;
    for (let event = texts.length - 1; event >= 0; event -= 1) {
      const text: unknown = texts[event];
      if (typeof text !== "string" || !/^[cdtp]/.test(text) || (g === before.g && event >= before.event))
        continue;
      const item = transactionOf(parseEvent(text), { shard: SHARD, g, index: event });
      if (item !== null) found.push({ place: { g, event }, item });
      if (found.length === enough) return { found, last: { g, event }, rows: rows.length };
    }
  }
  const last = rows.at(-1);
  return {
    found,
    last: last === undefined || last.g === 0 ? null : { g: last.g, event: 0 },
    rows: rows.length,
  };
}

function isInside(transaction: Transaction, filter: TransactionFilter): boolean {
  const { idBeginning, account, fromTime, beforeTime } = filter;
  const { time, postings } = transaction;
  return (
    isOwnTransaction(idBeginning, transaction) &&
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
