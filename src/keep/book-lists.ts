import type { Account, AccountId, Micros } from "../ledger/account.ts";
import { keyOfRank, rankInKey, rankOf } from "../ledger/account-order.ts";
import { parseEvent } from "../ledger/event.ts";
import { transactionOf } from "../ledger/event-results.ts";
import type { AccountFilter, Listed, ListPage, TransactionFilter } from "../ledger/ledger.ts";
import { placeOfEvent } from "../ledger/event-id.ts";
import { isOwnTransaction } from "../ledger/own-accounts.ts";
import type { EventId, Transaction } from "../ledger/transaction.ts";
import { bounds } from "../bounds.ts";
import { fewAccounts, fillOwn, isOwn, reachedAccountRows, reachedAccounts } from "./book-own-lists.ts";
import type { Queryable } from "./postgres-client.ts";
import { formatReached, type Reached, reachedAfter, reachedIn, reachedRows } from "./reached.ts";

/**
 * Accounts. By id, names and metadata have indexes, over all accounts. Without these, or of the accounts with one
 * beginning, a stretch of accounts is looked through, so that a page has its bound in time; of one with hardly any that
 * are wanted it may have fewer. By name there is the index, too. By balance there is none, which each transaction would
 * have to pay for: all accounts are looked through for each page.
 */
export async function listAccounts(
  sql: Queryable,
  filter: AccountFilter,
  { count, after }: ListPage,
): Promise<Listed<Account>> {
  const { order, idBeginning } = filter;
  if (order === "id") return accountsById(sql, filter, { count, after });
  const from = after === null ? null : rankInKey(order, after);
  if (after !== null && from === null) return NONE;
  const own = idBeginning === "" ? sql`` : sql`AND ${isOwn(sql, sql`a.account`, idBeginning)}`;
  const wanted = [own, ...conditions(sql, filter)];
  const limit = count + 1;
  const [group = 0, value = "", id = ""] = from ?? [];
  const read: Account[] = [];
  if (order === "name") {
    if (group === 0) {
      const rest = from === null ? sql`` : sql`AND (a.name, a.account) > (${value}, ${id})`;
      const named: Part = sql`a.name IS NOT NULL ${rest} ${wanted} ORDER BY a.name, a.account LIMIT ${limit}`;
      read.push(...(await accountsWhere(sql, named, sql`a.name, a.account`)));
    }
    if (read.length < limit && filter.name === null) {
      const rest = group === 0 ? sql`` : sql`AND a.account > ${id}`;
      const nameless: Part = sql`a.name IS NULL ${rest} ${wanted} ORDER BY a.account LIMIT ${limit - read.length}`;
      read.push(...(await accountsWhere(sql, nameless, sql`a.account`)));
    }
  } else {
    const rank: Part = order === "balance" ? sql`a.balance, a.account` : sql`-a.balance, a.account`;
    const rest = from === null ? sql`` : sql`AND (${rank}) > (${value}, ${id})`;
    read.push(
      ...(await accountsWhere(sql, sql`true ${rest} ${wanted} ORDER BY ${rank} LIMIT ${limit}`, rank)),
    );
  }
  const items = read.slice(0, count);
  const last = items.at(-1);
  const hasMore = read.length > count && last !== undefined;
  return { items, next: hasMore ? keyOfRank(order, rankOf(order, last)) : null };
}

/** Of a query. */
type Part = ReturnType<Queryable>;

async function accountsById(
  sql: Queryable,
  filter: AccountFilter,
  { count, after }: ListPage,
): Promise<Listed<Account>> {
  const { idBeginning, name, metadata } = filter;
  const within = sql`account > ${after ?? ""} ${idBeginning === "" ? sql`` : sql`AND ${isOwn(sql, sql`account`, idBeginning)}`}`;
  const isSearched = idBeginning === "" && (name !== null || Object.keys(metadata).length > 0);
  const max = bounds.list_accounts_rows_max;
  const stretch: Part = isSearched
    ? sql`accounts`
    : sql`(SELECT * FROM accounts WHERE ${within} ORDER BY account LIMIT ${max})`;
  const wanted: Part = sql`a.account > ${after ?? ""} ${conditions(sql, filter)} ORDER BY a.account LIMIT ${count + 1}`;
  const rows = await accountsWhere(sql, wanted, sql`a.account`, stretch);
  const items = rows.slice(0, count);
  const last = items.at(-1)?.id ?? null;
  if (isSearched || rows.length > count) return { items, next: rows.length > count ? last : null };
  const [end] = await sql<{ id: AccountId }[]>`
    SELECT account AS id FROM accounts WHERE ${within} ORDER BY account OFFSET ${max - 1} LIMIT 1`;
  // Accounts that were opened between the two readings move the end of the stretch back.
  return { items, next: end === undefined ? null : last !== null && last > end.id ? last : end.id };
}

/** What an account `a` has to be, but for its id; each begins with AND. */
function conditions(sql: Queryable, filter: AccountFilter) {
  const { unit, state, name, metadata, balanceLessThan, balanceGreaterThan } = filter;
  return [
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
}

/** @param wanted with its order and limit */
async function accountsWhere(
  sql: Queryable,
  wanted: Part,
  order: Part,
  source: Part = sql`accounts`,
): Promise<Account[]> {
  const rows = await sql<Account[]>`
    SELECT a.account AS id, a.unit, a.name, a.metadata, a.state, a.credit_limit AS "creditLimit", a.balance, a.held, a.seq,
      coalesce(e.time, a.opened_at) AS time, a.opened_at AS "openedAt"
    FROM (SELECT * FROM ${source} AS a WHERE ${wanted}) AS a
    LEFT JOIN entries AS e ON e.account = a.account AND e.seq = a.seq
    ORDER BY ${order}`;
  return rows.map((row) => ({ ...row }));
}

/**
 * Newest first. With a reference or an account they are found by entries; else from the journal, where shards are merged
 * by the times of its rows. Of a stretch of the journal that has hardly any transactions a page may have fewer than are
 * wanted.
 */
export function listTransactions(
  sql: Queryable,
  filter: TransactionFilter,
  page: ListPage,
): Promise<Listed<Transaction>> {
  const { idBeginning, reference, account } = filter;
  const isOwnOne = (one: Transaction) => isOwnTransaction(idBeginning, one);
  const read =
    reference !== null
      ? (part: ListPage) => byReference(sql, filter, reference, part)
      : account !== null
        ? (part: ListPage) => byAccount(sql, filter, account, part)
        : null;
  if (idBeginning === "") return read?.(page) ?? fromJournal(sql, filter, page);
  return read === null ? listOwn(sql, filter, page) : fillOwn(page, read, isOwnOne);
}

/** A transaction's event, with its place. */
interface EventRow {
  readonly shard: number;
  readonly g: number;
  readonly event: number;
  readonly text: string;
}

/** Keys say how far each shard was read, see {@link Reached}. */
async function byReference(
  sql: Queryable,
  { account, fromTime, beforeTime }: TransactionFilter,
  reference: string,
  { count, after }: ListPage,
): Promise<Listed<Transaction>> {
  const reached = await reachedIn(sql, { account, fromTime, beforeTime }, after);
  if (reached === null) return NONE;
  // The entries of one transaction stand together.
  const rows = await sql<(EventRow & { readonly time: Micros })[]>`
    SELECT q.*, j.events[q.event + 1] AS text
    FROM (
      SELECT e.* FROM ${reachedRows(sql, reached)}
      CROSS JOIN LATERAL (
        SELECT DISTINCT ON (g, event) shard, g, event, coalesce(decided_at, time) AS time FROM entries
        WHERE reference = ${reference} AND shard = p.shard AND (g, event) < (p.g, p.event) AND g >= p.from_g
          ${account === null ? notFinished(sql, sql`entries`) : sql`AND account = ${account}`}
          ${fromTime === null ? sql`` : sql`AND coalesce(decided_at, time) >= ${fromTime}`}
          ${beforeTime === null ? sql`` : sql`AND coalesce(decided_at, time) < ${beforeTime}`}
        ORDER BY g DESC, event DESC LIMIT ${count + 1}
      ) AS e
      ORDER BY e.time DESC, e.shard DESC, e.g DESC, e.event DESC LIMIT ${count + 1}
    ) AS q
    JOIN journal AS j ON j.shard = q.shard AND j.g = q.g
    ORDER BY q.time DESC, q.shard DESC, q.g DESC, q.event DESC`;
  return listed(rows, count, (items) => formatReached(reachedAfter(reached, items)));
}

/**
 * The condition that an entry was not made by the end of a part: a transaction across shards is in a list of several
 * accounts where it was decided, once. That shard always has an entry of it.
 */
function notFinished(sql: Queryable, entry: Part) {
  return sql`AND NOT EXISTS (
    SELECT FROM parts AS f
    WHERE f.shard = ${entry}.shard AND f.ended_g = ${entry}.g AND f.ended_event = ${entry}.event AND f.state = 'finished'
  )`;
}

/** Of the accounts with one beginning. */
async function listOwn(
  sql: Queryable,
  filter: TransactionFilter,
  page: ListPage,
): Promise<Listed<Transaction>> {
  const accounts = await fewAccounts(sql, filter.idBeginning);
  if (accounts === null) return fromJournal(sql, filter, page);
  const isOwnOne = (one: Transaction) => isOwnTransaction(filter.idBeginning, one);
  return fillOwn(page, (part) => byAccounts(sql, filter, accounts, part), isOwnOne);
}

/** Of these; some may be of others as well. Keys say how far each shard was read, see {@link Reached}. */
async function byAccounts(
  sql: Queryable,
  { fromTime, beforeTime }: TransactionFilter,
  accounts: Parameters<typeof reachedAccounts>[1],
  { count, after }: ListPage,
): Promise<Listed<Transaction>> {
  const reached = await reachedIn(sql, { account: null, fromTime, beforeTime }, after);
  if (reached === null) return NONE;
  const reachedEach = await reachedAccounts(sql, accounts, reached);
  // Of the entries that a transaction made of an account, the first. An entry may be somewhat later than its transaction.
  const rows = await sql<(EventRow & { readonly time: Micros })[]>`
    SELECT q.*, j.events[q.event + 1] AS text
    FROM (
      SELECT DISTINCT e.time, e.shard, e.g, e.event FROM ${reachedAccountRows(sql, reachedEach)}
      CROSS JOIN LATERAL (
        SELECT e.shard, e.g, e.event, coalesce(e.decided_at, e.time) AS time FROM entries AS e
        WHERE e.account = p.account AND (e.g, e.event) < (p.g, p.event) AND e.g >= p.from_g
          AND e.seq < CASE WHEN p.time IS NULL THEN p.seq + 1
            ELSE first_seq(p.account, p.seq, p.time + ${ENTRY_LATER_MICROS_MAX}) END
          ${fromTime === null ? sql`` : sql`AND coalesce(e.decided_at, e.time) >= ${fromTime}`}
          ${beforeTime === null ? sql`` : sql`AND coalesce(e.decided_at, e.time) < ${beforeTime}`}
          AND NOT EXISTS (
            SELECT FROM entries AS b WHERE b.account = e.account AND b.seq = e.seq - 1 AND b.g = e.g AND b.event = e.event
          ) ${notFinished(sql, sql`e`)}
        ORDER BY e.seq DESC LIMIT ${count + 1}
      ) AS e
      ORDER BY e.time DESC, e.shard DESC, e.g DESC, e.event DESC LIMIT ${count + 1}
    ) AS q
    JOIN journal AS j ON j.shard = q.shard AND j.g = q.g
    ORDER BY q.time DESC, q.shard DESC, q.g DESC, q.event DESC`;
  return listed(rows, count, (items) => formatReached(reachedAfter(reached, items)));
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
  return listed(rows, count, (items) => String(items.at(-1)?.seq));
}

/** Keys say how far each shard was read, see {@link Reached}. */
async function fromJournal(
  sql: Queryable,
  { idBeginning, fromTime, beforeTime }: TransactionFilter,
  { count, after }: ListPage,
): Promise<Listed<Transaction>> {
  const rowsMax = idBeginning === "" ? bounds.list_journal_rows_max : bounds.list_own_journal_rows_max;
  let reached = await reachedIn(sql, { account: null, fromTime, beforeTime }, after);
  if (reached === null) return NONE;
  const found: Transaction[] = [];
  let next = "";
  let read = 0;
  for (let size = ROWS_FIRST; ; size = Math.min(size * 4, ROWS_MAX)) {
    const rows = await readJournal(sql, reached, size);
    for (const { events, ...row } of rows) {
      const { g, event: before } = reached.find(({ shard }) => shard === row.shard) ?? { g: 0, event: 0 };
      for (let event = row.g === g ? before - 1 : events.length - 1; event >= 0; event -= 1) {
        const text = events[event] ?? "";
        // What is none of them is not parsed.
        const transaction =
          /^[cdtp] /.test(text) && text.includes(idBeginning)
            ? transactionOf(parseEvent(text), { ...row, index: event })
            : null;
        if (transaction === null || !isOwnTransaction(idBeginning, transaction)) continue;
        const { time } = transaction;
        if (time < (fromTime ?? 0) || time >= (beforeTime ?? Number.MAX_SAFE_INTEGER)) continue;
        if (found.length === count) return { items: found, next };
        found.push(transaction);
        if (found.length === count) next = formatReached(reachedAfter(reached, [{ ...row, event }]));
      }
      reached = reachedAfter(reached, [{ ...row, event: 0 }]);
    }
    read += rows.length;
    if (rows.length < size) return { items: found, next: null };
    if (read >= rowsMax) return { items: found, next: formatReached(reached) };
  }
}

/** The latest rows that are not read, of all shards. */
function readJournal(sql: Queryable, reached: readonly Reached[], count: number) {
  return sql<{ shard: number; g: number; events: readonly string[] }[]>`
    SELECT j.shard, j.g, array_to_json(j.events) AS events
    FROM (
      SELECT j.* FROM ${reachedRows(sql, reached)}
      CROSS JOIN LATERAL (
        SELECT shard, g, time FROM journal
        WHERE shard = p.shard AND g >= p.from_g AND g < p.g + (p.event > 0)::integer ORDER BY g DESC LIMIT ${count}
      ) AS j
      ORDER BY j.time DESC, j.shard DESC, j.g DESC LIMIT ${count}
    ) AS q
    JOIN journal AS j USING (shard, g)
    ORDER BY q.time DESC, q.shard DESC, q.g DESC`;
}

const ROWS_FIRST = 8;
const ROWS_MAX = 1024;

/** More than the times within a batch are apart. */
const ENTRY_LATER_MICROS_MAX = 1_000_000;

const NONE = { items: [], next: null } as const;

function listed<Row extends EventRow>(
  rows: readonly Row[],
  count: number,
  keyAfter: (items: readonly Row[]) => string,
): Listed<Transaction> {
  const items = rows.slice(0, count);
  return {
    items: items.flatMap(({ shard, g, event, text }) => {
      const transaction = transactionOf(parseEvent(text), { shard, g, index: event });
      return transaction === null ? [] : [transaction];
    }),
    next: rows.length > count ? keyAfter(items) : null,
  };
}

/** Which transaction takes this one back; `null` if none does. */
export async function readReversalOf(sql: Queryable, id: EventId): Promise<EventId | null> {
  if (placeOfEvent("t", id) === null) return null;
  const [row] = await sql<{ reversal: EventId }[]>`
    SELECT reversal FROM reversals WHERE reversed = ${id}`;
  return row?.reversal ?? null;
}
