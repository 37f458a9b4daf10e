import type { Account, AccountId, Micros } from "../ledger/account.ts";
import { parseEvent } from "../ledger/event.ts";
import { transactionOf } from "../ledger/event-results.ts";
import type { AccountFilter, Listed, ListPage, TransactionFilter } from "../ledger/ledger.ts";
import { placeOfEvent } from "../ledger/event-id.ts";
import type { EventId, Transaction } from "../ledger/transaction.ts";
import { bounds } from "../bounds.ts";
import type { Queryable } from "./postgres-client.ts";

/** Accounts by id; keys are ids. */
export async function listAccounts(
  sql: Queryable,
  filter: AccountFilter,
  { count, after }: ListPage,
): Promise<Listed<Account>> {
  const { unit, state, name, metadata, balanceLessThan, balanceGreaterThan } = filter;
  const wanted = [
    unit === null ? sql`` : sql`AND a.unit = ${unit}`,
    state === null ? sql`` : sql`AND a.state = ${state}`,
    name === null ? sql`` : sql`AND starts_with(a.name, ${name})`,
    // The index has only accounts with any.
    Object.keys(metadata).length === 0
      ? sql``
      : sql`AND a.metadata <> '{}' AND a.metadata @> ${JSON.stringify(metadata)}::text::jsonb`,
    balanceLessThan === null ? sql`` : sql`AND a.balance < ${balanceLessThan}`,
    balanceGreaterThan === null ? sql`` : sql`AND a.balance > ${balanceGreaterThan}`,
  ];
  const rows = await sql<Account[]>`
    SELECT a.account AS id, a.unit, a.name, a.metadata, a.state, a.credit_limit AS "creditLimit", a.balance, a.held, a.seq,
      coalesce(e.time, a.opened_at) AS time, a.opened_at AS "openedAt"
    FROM (
      SELECT * FROM accounts AS a WHERE a.account > ${after ?? ""} ${wanted} ORDER BY a.account LIMIT ${count + 1}
    ) AS a
    LEFT JOIN entries AS e ON e.account = a.account AND e.seq = a.seq
    ORDER BY a.account`;
  const items = rows.slice(0, count).map((row) => ({ ...row }));
  return { items, next: rows.length > count ? (items.at(-1)?.id ?? null) : null };
}

/** Where a transaction stands in a list; the columns are those of the order, from the first to the last. */
interface Position {
  readonly time: Micros;
  readonly shard: number;
  readonly g: number;
  readonly event: number;
}

/** Behind every position there is. */
const NEWEST: Position = { time: Number.MAX_SAFE_INTEGER, shard: 0, g: 0, event: 0 };

/**
 * Newest first. With a reference or an account they are found by entries; else from the journal, in the order of its
 * rows' times. Of a stretch of the journal that has hardly any transactions a page may have fewer than are wanted.
 */
export function listTransactions(
  sql: Queryable,
  filter: TransactionFilter,
  page: ListPage,
): Promise<Listed<Transaction>> {
  if (filter.reference !== null) return byReference(sql, filter, filter.reference, page);
  if (filter.account !== null) return byAccount(sql, filter, filter.account, page);
  return fromJournal(sql, filter, page);
}

/** A transaction's event, with its place. */
interface EventRow {
  readonly shard: number;
  readonly g: number;
  readonly event: number;
  readonly text: string;
}

/** Keys are positions. */
async function byReference(
  sql: Queryable,
  { account, fromTime, beforeTime }: TransactionFilter,
  reference: string,
  { count, after }: ListPage,
): Promise<Listed<Transaction>> {
  const position = after === null ? NEWEST : parsePosition(after);
  if (position === null) return NONE;
  const before = beforeTime === null ? position : earlier(position, { ...NEWEST, time: beforeTime });
  // The entries of one transaction stand together.
  const rows = await sql<(EventRow & { readonly time: Micros })[]>`
    SELECT p.*, j.events[p.event + 1] AS text
    FROM (
      SELECT DISTINCT coalesce(decided_at, time) AS time, shard, g, event FROM entries
      WHERE reference = ${reference}
        AND (coalesce(decided_at, time), shard, g, event)
          < (${before.time}::bigint, ${before.shard}::integer, ${before.g}::bigint, ${before.event}::integer)
        AND coalesce(decided_at, time) >= ${fromTime ?? 0}
        ${account === null ? sql`` : sql`AND account = ${account}`}
      ORDER BY time DESC, shard DESC, g DESC, event DESC LIMIT ${count + 1}
    ) AS p
    JOIN journal AS j ON j.shard = p.shard AND j.g = p.g
    ORDER BY p.time DESC, p.shard DESC, p.g DESC, p.event DESC`;
  return listed(rows, count, formatPosition);
}

/** Keys are seqs: what is older has a lower one. */
async function byAccount(
  sql: Queryable,
  { fromTime, beforeTime }: TransactionFilter,
  account: AccountId,
  { count, after }: ListPage,
): Promise<Listed<Transaction>> {
  if (after !== null && !/^\d{1,15}$/.test(after)) return NONE;
  const within = [
    after === null ? sql`` : sql`AND e.seq < ${Number(after)}`,
    // An entry may have a somewhat later time than its transaction.
    fromTime === null
      ? sql``
      : sql`AND e.seq >= first_seq(a.account, a.seq, ${fromTime}) AND coalesce(e.decided_at, e.time) >= ${fromTime}`,
    beforeTime === null
      ? sql``
      : sql`AND e.seq < first_seq(a.account, a.seq, ${beforeTime + ENTRY_LATER_MICROS_MAX})
          AND coalesce(e.decided_at, e.time) < ${beforeTime}`,
  ];
  // Of the entries that a transaction made of the account, the first.
  const rows = await sql<(EventRow & { readonly seq: number })[]>`
    SELECT e.seq, e.shard, e.g, e.event, j.events[e.event + 1] AS text
    FROM accounts AS a
    CROSS JOIN LATERAL (
      SELECT e.seq, e.shard, e.g, e.event FROM entries AS e
      WHERE e.account = a.account ${within} AND NOT EXISTS (
        SELECT FROM entries AS b WHERE b.account = e.account AND b.seq = e.seq - 1 AND b.g = e.g AND b.event = e.event
      )
      ORDER BY e.seq DESC LIMIT ${count + 1}
    ) AS e
    JOIN journal AS j ON j.shard = e.shard AND j.g = e.g
    WHERE a.account = ${account}
    ORDER BY e.seq DESC`;
  return listed(rows, count, ({ seq }) => String(seq));
}

/** Keys are positions, with the times of the journal's rows. */
async function fromJournal(
  sql: Queryable,
  { fromTime, beforeTime }: TransactionFilter,
  { count, after }: ListPage,
): Promise<Listed<Transaction>> {
  const first = after === null ? NEWEST : parsePosition(after);
  if (first === null) return NONE;
  const found: { readonly transaction: Transaction; readonly position: Position }[] = [];
  // A row's time is its latest event's: it may have earlier ones.
  const latest = (beforeTime ?? Number.MAX_SAFE_INTEGER - ENTRY_LATER_MICROS_MAX) + ENTRY_LATER_MICROS_MAX;
  let last = earlier(first, { ...NEWEST, time: latest });
  let read = 0;
  for (let size = ROWS_FIRST; ; size = Math.min(size * 4, ROWS_MAX)) {
    const rows = await sql<(Omit<Position, "event"> & { readonly events: readonly string[] })[]>`
      SELECT time, shard, g, array_to_json(events) AS events FROM journal
      WHERE time <= ${last.time} AND (time, shard, g) <= (${last.time}::bigint, ${last.shard}::integer, ${last.g}::bigint)
        AND time >= ${fromTime ?? 0}
      ORDER BY time DESC, shard DESC, g DESC LIMIT ${size}`;
    for (const { events, ...row } of rows) {
      const isFirst = row.time === last.time && row.shard === last.shard && row.g === last.g;
      const end = isFirst ? Math.min(last.event, events.length) : events.length;
      for (let index = end - 1; index >= 0; index -= 1) {
        const text = events[index] ?? "";
        // What is none of them is not parsed.
        const transaction = /^[cdtp] /.test(text) ? transactionOf(parseEvent(text), { ...row, index }) : null;
        if (transaction === null) continue;
        const { time } = transaction;
        if (time < (fromTime ?? 0) || time >= (beforeTime ?? Number.MAX_SAFE_INTEGER)) continue;
        found.push({ transaction, position: { ...row, event: index } });
        if (found.length > count) return pageOf(found, count, true);
      }
      last = { ...row, event: 0 };
    }
    read += rows.length;
    if (rows.length < size) return pageOf(found, count, false);
    if (read >= bounds.list_journal_rows_max)
      return { items: found.map(({ transaction }) => transaction), next: formatPosition(last) };
  }
}

const ROWS_FIRST = 8;
const ROWS_MAX = 1024;

/** More than the times within a batch are apart. */
const ENTRY_LATER_MICROS_MAX = 1_000_000;

const NONE = { items: [], next: null } as const;

function pageOf(
  found: readonly { readonly transaction: Transaction; readonly position: Position }[],
  count: number,
  isMore: boolean,
): Listed<Transaction> {
  const items = found.slice(0, count);
  const last = items.at(-1);
  return {
    items: items.map(({ transaction }) => transaction),
    next: isMore && last !== undefined ? formatPosition(last.position) : null,
  };
}

function listed<Row extends EventRow>(
  rows: readonly Row[],
  count: number,
  keyOf: (row: Row) => string,
): Listed<Transaction> {
  const items = rows.slice(0, count);
  const last = items.at(-1);
  return {
    items: items.flatMap(({ shard, g, event, text }) => {
      const transaction = transactionOf(parseEvent(text), { shard, g, index: event });
      return transaction === null ? [] : [transaction];
    }),
    next: rows.length > count && last !== undefined ? keyOf(last) : null,
  };
}

function formatPosition({ time, shard, g, event }: Position): string {
  return `${time}-${shard}-${g}-${event}`;
}

/** `null` if the text is none. */
function parsePosition(text: string): Position | null {
  const [, time, shard, g, event] = /^(\d{1,16})-(\d{1,4})-(\d{1,16})-(\d{1,5})$/.exec(text) ?? [];
  if (event === undefined) return null;
  return { time: Number(time), shard: Number(shard), g: Number(g), event: Number(event) };
}

function earlier(a: Position, b: Position): Position {
  for (const column of ["time", "shard", "g", "event"] as const)
    if (a[column] !== b[column]) return a[column] < b[column] ? a : b;
  return a;
}

/** Which transaction takes this one back; `null` if none does. */
export async function readReversalOf(sql: Queryable, id: EventId): Promise<EventId | null> {
  if (placeOfEvent("t", id) === null) return null;
  const [row] = await sql<{ reversal: EventId }[]>`
    SELECT reversal FROM reversals WHERE reversed = ${id}`;
  return row?.reversal ?? null;
}
