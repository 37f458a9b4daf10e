import type { Database } from "bun:sqlite";
import {
  type Account,
  type AccountId,
  type AccountState,
  type Metadata,
  type Micros,
  WORLD,
} from "../ledger/account.ts";
import type { Entry, KeptEntry } from "../ledger/entry.ts";
import { type LedgerEvent, parseEvent } from "../ledger/event.ts";
import { accountDetailsIn, detailsIn } from "../ledger/details-text.ts";
import { transactionOf } from "../ledger/event-results.ts";
import type { AccountOrder, AccountRank } from "../ledger/account-order.ts";
import type { AccountFilter, BalanceAt, EntriesPage } from "../ledger/ledger.ts";
import { eventId, placeOfEvent } from "../ledger/event-id.ts";
import { endOfOwn } from "../ledger/own-accounts.ts";
import type { EventId, Hold, HoldStatus, Transaction } from "../ledger/transaction.ts";
import type { RememberedPlace } from "./remembered-outcome.ts";

/** The one that there is, in the form of the journal. */
export const SHARD = 0;

const ACCOUNTS = `
  SELECT a.account AS id, a.unit, a.state, a.credit_limit AS creditLimit, coalesce(e.balance, 0) AS balance, a.held,
    coalesce(e.seq, 0) AS seq, coalesce(e.time, a.opened_at) AS time, a.opened_at AS openedAt, a.name, a.metadata
  FROM accounts AS a
  LEFT JOIN entries AS e ON e.account = a.account
    AND e.seq = (SELECT max(seq) FROM entries WHERE account = a.account)`;

/** What an entry has on the contest's route. */
const ENTRY = `account, seq, CASE WHEN amount > 0 THEN 'credit' ELSE 'debit' END AS kind, abs(amount) AS value, balance,
  description, command AS id, time`;

const KEPT_ENTRIES = `
  SELECT ${ENTRY}, g, place AS event, coalesce(decided_at, time) AS decidedAt, counterparty, reference FROM entries
  WHERE account = ?1 AND seq >= ?2 AND seq < ?3`;

const HOLDS = `
  SELECT g, place AS event, time, account, counterparty, amount, expires_at AS expiresAt, state, captured, moved_by AS movedBy,
    details
  FROM holds`;

const RANKS = {
  id: ["false", "0 + 0"],
  name: ["name IS NULL", "coalesce(name, '')"],
  balance: ["false", "balance"],
  "-balance": ["false", "-balance"],
} as const;

/**
 * Of some accounts those that are asked for, for each order of the list. What is not looked at is not read: balances are
 * in another table. Where the order is by them, each is read once, which MATERIALIZED sees to.
 */
function prepareRanked(db: Database) {
  const prepare = (order: AccountOrder) => {
    const rank = `${RANKS[order].join(", ")}, id`;
    const once = order === "id" || order === "name" ? "NOT MATERIALIZED" : "MATERIALIZED";
    return db.prepare<AccountRow, RankedParameters>(`
      WITH slice AS ${once} (
        SELECT account AS id, name, coalesce(
          (SELECT e.balance FROM entries AS e WHERE e.account = a.account ORDER BY e.seq DESC LIMIT 1), 0) AS balance
        FROM accounts AS a
        WHERE account >= ?1 AND account < ?2 AND (?3 IS NULL OR unit = ?3) AND (?4 IS NULL OR state = ?4)
          AND (?5 IS NULL OR instr(name, ?5) = 1)
      )
      ${ACCOUNTS} WHERE a.account IN (
        SELECT id FROM slice
        WHERE (?6 IS NULL OR balance < ?6) AND (?7 IS NULL OR balance > ?7)
          AND (${rank}) > (?8, ?9, ?10) AND (${rank}) < (?11, ?12, ?13)
        ORDER BY ${rank} LIMIT ?14
      )
      ORDER BY a.account`);
  };
  return {
    id: prepare("id"),
    name: prepare("name"),
    balance: prepare("balance"),
    "-balance": prepare("-balance"),
  };
}

type RankedParameters = [
  ...[first: AccountId, end: AccountId],
  ...[
    unit: string | null,
    state: string | null,
    name: string | null,
    under: number | null,
    over: number | null,
  ],
  ...AccountRank,
  ...AccountRank,
  count: number,
];

const BEFORE_ALL: AccountRank = [-1, 0, ""];
const BEHIND_ALL: AccountRank = [2, 0, ""];

/** No id has a space, or anything before it. */
function firstAfter(id: AccountId | null, beginning: string): string {
  return id === null ? beginning : `${id} `;
}

const BEFORE = "(g, place) < (?, ?) ORDER BY g DESC, place DESC LIMIT ?";

/** The place of an event in the journal. */
export interface EventAt {
  readonly g: number;
  readonly event: number;
}

interface AccountRow extends AccountState {
  readonly name: string | null;
  readonly metadata: string | null;
}

interface EntryRow extends Entry, EventAt {
  readonly decidedAt: Micros;
  readonly counterparty: string | null;
  readonly reference: string | null;
}

interface HoldRow extends EventAt {
  readonly time: Micros;
  readonly account: AccountId;
  readonly counterparty: string | null;
  readonly amount: number;
  readonly expiresAt: Micros;
  readonly state: HoldStatus;
  readonly captured: number;
  readonly movedBy: EventId | null;
  readonly details: string;
}

export function prepareReads(db: Database) {
  return {
    account: db.prepare<AccountRow, [AccountId]>(`${ACCOUNTS} WHERE a.account = ?`),
    opening: db.prepare<{ opening: string }, [AccountId]>("SELECT opening FROM accounts WHERE account = ?"),
    accountAt: db.prepare<{ account: AccountId }, [string, string, number]>(
      "SELECT account FROM accounts WHERE account >= ? AND account < ? ORDER BY account LIMIT 1 OFFSET ?",
    ),
    ...prepareRanked(db),
    accountIds: db.prepare<{ account: AccountId }, [string, string, number]>(
      "SELECT account FROM accounts WHERE account >= ? AND account < ? ORDER BY account LIMIT ?",
    ),
    statement: db.prepare<Entry, [AccountId, number, number]>(
      `SELECT ${ENTRY} FROM entries WHERE account = ? AND seq < ? ORDER BY seq DESC LIMIT ?`,
    ),
    entriesUp: db.prepare<EntryRow, [AccountId, number, number, number]>(
      `${KEPT_ENTRIES} ORDER BY seq LIMIT ?4`,
    ),
    entriesDown: db.prepare<EntryRow, [AccountId, number, number, number]>(
      `${KEPT_ENTRIES} ORDER BY seq DESC LIMIT ?4`,
    ),
    entryAt: db.prepare<EventAt & { readonly time: Micros; readonly balance: number }, [AccountId, number]>(
      "SELECT time, balance, g, place AS event FROM entries WHERE account = ? AND seq = ?",
    ),
    placesOfAccount: db.prepare<EventAt, [AccountId, number, number]>(
      "SELECT g, place AS event FROM entries WHERE account = ? AND seq < ? ORDER BY seq DESC LIMIT ?",
    ),
    placesOfReference: db.prepare<EventAt, [string, number, number, number]>(
      `SELECT DISTINCT g, place AS event FROM entries WHERE reference = ? AND ${BEFORE}`,
    ),
    eventText: db.prepare<{ text: string | null }, [string, number]>(
      "SELECT events ->> ? AS text FROM journal WHERE g = ?",
    ),
    journalTime: db.prepare<{ time: Micros }, [number]>("SELECT time FROM journal WHERE g = ?"),
    journalDown: db.prepare<{ g: number; events: string }, [number, number]>(
      "SELECT g, events FROM journal WHERE g <= ? ORDER BY g DESC LIMIT ?",
    ),
    hold: db.prepare<HoldRow, [number, number]>(`${HOLDS} WHERE g = ? AND place = ?`),
    holdsDown: db.prepare<HoldRow, [number, number, number]>(`${HOLDS} WHERE ${BEFORE}`),
    holdsOfAccount: db.prepare<HoldRow, [AccountId, number, number, number]>(
      `${HOLDS} WHERE account = ? AND ${BEFORE}`,
    ),
    due: db.prepare<HoldRow, [Micros, number]>(
      `${HOLDS} WHERE state = 'open' AND expires_at <= ? ORDER BY expires_at, g, place LIMIT ?`,
    ),
    nextDue: db.prepare<{ time: Micros | null }, []>(
      "SELECT min(expires_at) AS time FROM holds WHERE state = 'open'",
    ),
    reversal: db.prepare<{ reversal: EventId }, [EventId]>(
      "SELECT reversal FROM reversals WHERE reversed = ?",
    ),
    recall: db.prepare<RememberedPlace, [string]>(
      "SELECT g, place AS event, forget_at AS forgetAt FROM outcomes WHERE command = ?",
    ),
  };
}

/** What the tables have of one thing. Methods throw SQLiteError; `null` where there is none. */
export class TableReader {
  readonly #sql: ReturnType<typeof prepareReads>;

  constructor(statements: ReturnType<typeof prepareReads>) {
    this.#sql = statements;
  }

  account(id: AccountId): Account | null {
    const row = this.#sql.account.get(id);
    return row === null ? null : accountOf(row);
  }

  /** The hash of what it was opened with. */
  opening(id: AccountId): string | null {
    return this.#sql.opening.get(id)?.opening ?? null;
  }

  /** The last of `rows` accounts whose ids begin so, after this one; `null` if there are fewer. */
  accountAt(after: AccountId | null, beginning: string, rows: number): AccountId | null {
    const from = firstAfter(after, beginning);
    return this.#sql.accountAt.get(from, endOfOwn(beginning), rows - 1)?.account ?? null;
  }

  /**
   * Of the accounts whose ids begin so, after one and to another one, those that are asked for: the first ones in the
   * order of the list, by id. Which members of `metadata` they have is not looked at.
   *
   * @param to `null`: to the last
   * @param ranks between which they stand in the list, without these
   */
  accountsRanked(
    { order, idBeginning, unit, state, name, balanceLessThan, balanceGreaterThan }: AccountFilter,
    { after, to }: { readonly after: AccountId | null; readonly to: AccountId | null },
    ranks: { readonly from: AccountRank | null; readonly to: AccountRank | null },
    count: number,
  ): Account[] {
    const first = firstAfter(after, idBeginning);
    const end = to === null ? endOfOwn(idBeginning) : `${to} `;
    const asked = [unit, state, name, balanceLessThan, balanceGreaterThan] as const;
    const [from, before] = [ranks.from ?? BEFORE_ALL, ranks.to ?? BEHIND_ALL];
    return this.#sql[order].all(first, end, ...asked, ...from, ...before, count).map(accountOf);
  }

  /** Up to `count` ids of accounts that begin so. */
  accountIds(beginning: string, count: number): AccountId[] {
    return this.#sql.accountIds.all(beginning, endOfOwn(beginning), count).map(({ account }) => account);
  }

  /** Up to `count` entries with a seq below `before`, newest first. */
  statement(account: AccountId, before: number, count: number): Entry[] {
    return this.#sql.statement.all(account, before, count);
  }

  /** @param last the account's latest seq */
  entries(account: AccountId, last: number, page: EntriesPage): KeptEntry[] {
    const from = Math.max(page.from ?? 1, this.#seqFrom(account, last, page.fromTime));
    const beforeTime = page.beforeTime === null ? last + 1 : this.#seqFrom(account, last, page.beforeTime);
    const before = Math.min(page.before ?? last + 1, beforeTime);
    const read = page.order === "asc" ? this.#sql.entriesUp : this.#sql.entriesDown;
    return read.all(account, from, before, page.count).map(keptEntryOf);
  }

  balanceAt({ id, unit, seq: last }: AccountState, time: Micros): BalanceAt {
    const seq = this.#seqFrom(id, last, time + 1) - 1;
    return { id, unit, balance: seq === 0 ? 0 : (this.#sql.entryAt.get(id, seq)?.balance ?? 0), seq };
  }

  transaction(id: EventId): Transaction | null {
    const place = placeOfEvent("t", id);
    if (place === null || place.shard !== SHARD) return null;
    const found = this.transactionAt({ g: place.g, event: place.index });
    return found?.id === id ? found : null;
  }

  transactionAt({ g, event: index }: EventAt): Transaction | null {
    const event = this.event({ g, event: index });
    return event === null ? null : transactionOf(event, { shard: SHARD, g, index });
  }

  event({ g, event }: EventAt): LedgerEvent | null {
    const text = this.#sql.eventText.get(`$[${event}]`, g)?.text ?? null;
    return text === null ? null : parseEvent(text);
  }

  /** The id of the transaction that took this one back. */
  reversal(id: EventId): EventId | null {
    return this.#sql.reversal.get(id)?.reversal ?? null;
  }

  hold(id: EventId): Hold | null {
    const place = placeOfEvent("h", id);
    if (place === null || place.shard !== SHARD) return null;
    const row = this.#sql.hold.get(place.g, place.index);
    const hold = row === null ? null : storedHold(row);
    return hold?.id === id ? hold : null;
  }

  /** Up to `count` open holds whose time has come, in the order of their times. */
  due(now: Micros, count: number): Hold[] {
    return this.#sql.due.all(now, count).map(storedHold);
  }

  /** When the next open hold expires; infinity if there is none. */
  nextDue(): Micros {
    return this.#sql.nextDue.get()?.time ?? Number.POSITIVE_INFINITY;
  }

  recall(command: string): RememberedPlace | null {
    return this.#sql.recall.get(command);
  }

  /** Up to `count` holds that were made before this place, newest first. */
  holdsDown(account: AccountId | null, { g, event }: EventAt, count: number): (EventAt & { hold: Hold })[] {
    const rows =
      account === null
        ? this.#sql.holdsDown.all(g, event, count)
        : this.#sql.holdsOfAccount.all(account, g, event, count);
    return rows.map((row) => ({ g: row.g, event: row.event, hold: storedHold(row) }));
  }

  /** Up to `count` places of transactions with this reference, before this place, newest first. */
  placesOfReference(reference: string, { g, event }: EventAt, count: number): EventAt[] {
    return this.#sql.placesOfReference.all(reference, g, event, count);
  }

  /** The same of an account; a place is there once for each of the account's entries in it. */
  placesOfAccount(account: AccountId, last: number, { g, event }: EventAt, count: number): EventAt[] {
    const before = firstWhere(1, last + 1, (seq) => {
      const entry = this.#sql.entryAt.get(account, seq);
      return entry === null || entry.g > g || (entry.g === g && entry.event >= event);
    });
    return this.#sql.placesOfAccount.all(account, before, count);
  }

  /** Up to `count` rows of the journal, from this one on, newest first. */
  journalDown(g: number, count: number): { readonly g: number; readonly events: string }[] {
    return this.#sql.journalDown.all(g, count);
  }

  /** The first row of the journal that ends at this time or later; one behind the last if there is none. */
  journalFrom(time: Micros, last: number): number {
    return firstWhere(0, last + 1, (g) => (this.#sql.journalTime.get(g)?.time ?? time) >= time);
  }

  /** The first entry of this time or a later one; one behind the last if there is none. Times rise with seq. */
  #seqFrom(account: AccountId, last: number, time: Micros | null): number {
    if (time === null) return 1;
    return firstWhere(1, last + 1, (seq) => (this.#sql.entryAt.get(account, seq)?.time ?? time) >= time);
  }
}

/** The first number from `from` on for which it is true; `to` if there is none before. Behind one, it is true of all. */
function firstWhere(from: number, to: number, isTrue: (number: number) => boolean): number {
  let low = from;
  let high = to;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (isTrue(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

const NO_METADATA: Metadata = Object.freeze({});

function accountOf({ metadata, ...row }: AccountRow): Account {
  if (metadata === null) return { ...row, metadata: NO_METADATA };
  return { ...row, metadata: accountDetailsIn(`{"metadata":${metadata}}`).metadata };
}

function keptEntryOf({ g, event, decidedAt, counterparty, ...entry }: EntryRow): KeptEntry {
  return {
    ...entry,
    counterparty: counterparty ?? WORLD,
    transaction: eventId("t", SHARD, g, event, decidedAt),
  };
}

function storedHold(row: HoldRow): Hold {
  const { g, event, time, account, counterparty, amount, expiresAt, state, captured, movedBy, details } = row;
  const { description, reference, metadata } = detailsIn(details);
  return {
    id: eventId("h", SHARD, g, event, time),
    state,
    from: account,
    to: counterparty ?? WORLD,
    amount,
    captured,
    expiresAt,
    description,
    reference,
    metadata,
    time,
    transaction: movedBy,
  };
}
