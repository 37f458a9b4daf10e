import type { BooksReader, KeptEntries } from "../decide/ports.ts";
import { type AccountId, type Micros, type Party, WORLD } from "../ledger/account.ts";
import type { EntryKind, KeptEntry, NamedId } from "../ledger/entry.ts";
import { type LedgerEvent, parseEvent } from "../ledger/event.ts";
import type { BalanceAt, EntriesPage } from "../ledger/ledger.ts";
import { eventId } from "../ledger/event-id.ts";
import type { EventId } from "../ledger/transaction.ts";
import type { Queryable } from "./postgres-client.ts";

/** What is read of an entry. */
interface EntryRow {
  readonly account: AccountId;
  readonly seq: number;
  readonly kind: EntryKind;
  readonly value: number;
  readonly balance: number;
  readonly description: string;
  readonly id: NamedId;
  readonly time: Micros;
  readonly shard: number;
  readonly g: number;
  readonly event: number;
  readonly decided_at: Micros | null;
  readonly counterparty: Party | null;
  readonly reference: string | null;
  /** Where the entry was made by the end of a part. */
  readonly transaction: EventId | null;
}

/** If the books do not have the account, or not yet, there are none. */
export async function readEntries(sql: Queryable, id: AccountId, page: EntriesPage): Promise<KeptEntries> {
  const { count, order, from, before, fromTime, beforeTime } = page;
  const within = [
    from === null ? sql`` : sql`AND seq >= ${from}`,
    before === null ? sql`` : sql`AND seq < ${before}`,
    fromTime === null ? sql`` : sql`AND seq >= first_seq(a.account, a.seq, ${fromTime})`,
    beforeTime === null ? sql`` : sql`AND seq < first_seq(a.account, a.seq, ${beforeTime})`,
  ];
  const rows = await sql<{ kept_seq: number; entry: EntryRow | null }[]>`
    SELECT a.seq AS kept_seq, to_json(e) AS entry
    FROM accounts AS a
    LEFT JOIN LATERAL (
      SELECT n.*, p.transaction
      FROM (
        SELECT account, seq, kind, value, balance, description, command AS id, time, shard, g, event, decided_at,
          counterparty, reference
        FROM entries
        WHERE account = a.account ${within}
        ORDER BY seq ${order === "asc" ? sql`ASC` : sql`DESC`} LIMIT ${count}
      ) AS n
      LEFT JOIN parts AS p
        ON p.shard = n.shard AND p.ended_g = n.g AND p.ended_event = n.event AND p.state = 'finished'
      ORDER BY n.seq ${order === "asc" ? sql`ASC` : sql`DESC`}
    ) AS e ON true
    WHERE a.account = ${id}`;
  const entries = rows.flatMap(({ entry }) => (entry === null ? [] : [keptEntry(entry)]));
  return { keptSeq: rows[0]?.kept_seq ?? 0, entries };
}

function keptEntry(row: EntryRow): KeptEntry {
  const { shard, g, event, decided_at: decidedAt, counterparty, transaction, ...entry } = row;
  const id = transaction ?? eventId("t", shard, g, event, decidedAt ?? entry.time);
  return { ...entry, counterparty: counterparty ?? WORLD, transaction: id };
}

export async function readBalanceAt(sql: Queryable, id: AccountId, time: Micros): Promise<BalanceAt | null> {
  const [row] = await sql<BalanceAt[]>`
    SELECT a.account AS id, a.unit, coalesce(e.balance, 0) AS balance, coalesce(e.seq, 0) AS seq
    FROM accounts AS a
    LEFT JOIN entries AS e ON e.account = a.account AND e.seq = first_seq(a.account, a.seq, ${time}::bigint + 1) - 1
    WHERE a.account = ${id}`;
  return row === undefined ? null : { ...row };
}

/** The events of a batch; `null` if it is not kept. */
export async function readBatch(sql: Queryable, shard: number, g: number): Promise<LedgerEvent[] | null> {
  const [row] = await sql<{ events: readonly string[] }[]>`
    SELECT array_to_json(events) AS events FROM journal WHERE shard = ${shard} AND g = ${g}`;
  return row === undefined ? null : row.events.map(parseEvent);
}

/**
 * All of one moment. What the outside has is what came into accounts and did not come from others, taken off. What is in
 * transit is known apart from the accounts, so the three are 0 together only where what goes from account to account adds up
 * to nothing but for that.
 */
export async function readTotals(sql: Queryable): ReturnType<BooksReader["totals"]> {
  const rows = await sql<
    {
      last_g: readonly number[] | null;
      unit: string | null;
      accounts: number;
      transactions: number;
      balances: string;
      world: string;
      in_transit: string;
    }[]
  >`
    SELECT t.*, c.last_g
    FROM (SELECT json_agg(last_g ORDER BY shard) AS last_g FROM cursors) AS c
    LEFT JOIN (
      SELECT a.unit, a.accounts, a.transactions, a.balances, a.world, (-coalesce(s.amount, 0))::text AS in_transit
      FROM (
        SELECT unit, count(*) AS accounts, (sum(seq) - coalesce(sum(entries_more), 0))::bigint AS transactions,
          sum(balance)::text AS balances, (coalesce(sum(from_others), 0) - sum(balance))::text AS world
        FROM accounts GROUP BY unit
      ) AS a
      LEFT JOIN (SELECT unit, sum(amount) AS amount FROM from_shards GROUP BY unit) AS s ON s.unit = a.unit
    ) AS t ON true
    ORDER BY t.unit`;
  const units = rows.filter(({ unit }) => unit !== null);
  return {
    accounts: units.reduce((sum, { accounts }) => sum + accounts, 0),
    transactions: units.reduce((sum, { transactions }) => sum + transactions, 0),
    units: units.map(({ unit, balances, world, in_transit: inTransit }) => ({
      unit: unit ?? "",
      balances: BigInt(balances),
      world: BigInt(world),
      inTransit: BigInt(inTransit),
    })),
    lastG: rows[0]?.last_g ?? [],
  };
}
