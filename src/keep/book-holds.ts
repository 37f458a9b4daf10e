import { type AccountId, type Micros, type Party, WORLD } from "../ledger/account.ts";
import { detailsIn } from "../ledger/details-text.ts";
import type { HoldFilter, Listed, ListPage } from "../ledger/ledger.ts";
import { eventId, placeOfEvent } from "../ledger/event-id.ts";
import { isOwnHold } from "../ledger/own-accounts.ts";
import type { EventId, Hold, HoldStatus } from "../ledger/transaction.ts";
import { fewAccounts, fillOwn, reachedAccountRows, reachedAccounts } from "./book-own-lists.ts";
import type { Queryable } from "./postgres-client.ts";
import { formatReached, reachedAfter, reachedIn, reachedRows } from "./reached.ts";

/** A row of holds, with {@link holdColumns}. */
export interface HoldRow {
  readonly shard: number;
  readonly g: number;
  readonly event: number;
  readonly time: Micros;
  readonly account: AccountId;
  readonly recipient: Party | null;
  readonly amount: number;
  readonly captured: number;
  readonly state: HoldStatus;
  readonly expires_at: Micros;
  /** JSON. */
  readonly details: string;
  readonly ended_g: number | null;
  readonly ended_event: number | null;
  readonly ended_at: Micros | null;
}

export function holdColumns(sql: Queryable) {
  return sql`
    h.shard, h.g, h.event, h.time, h.account, h.recipient, h.amount, h.captured, h.state, h.expires_at,
    h.details, h.ended_g, h.ended_event, h.ended_at`;
}

export function keptHold(row: HoldRow): Hold {
  const {
    shard,
    g,
    event,
    time,
    captured,
    ended_g: endedG,
    ended_event: endedEvent,
    ended_at: endedAt,
  } = row;
  const { reverses: _, ...details } = detailsIn(row.details);
  const moved = captured > 0 && endedG !== null && endedEvent !== null && endedAt !== null;
  return {
    id: eventId("h", shard, g, event, time),
    state: row.state,
    from: row.account,
    to: row.recipient ?? WORLD,
    amount: row.amount,
    captured,
    expiresAt: row.expires_at,
    time,
    transaction: moved ? eventId("t", shard, endedG, endedEvent, endedAt) : null,
    ...details,
  };
}

export async function readHold(sql: Queryable, id: EventId): Promise<Hold | null> {
  const place = placeOfEvent("h", id);
  if (place === null) return null;
  const [row] = await sql<HoldRow[]>`
    SELECT ${holdColumns(sql)} FROM holds AS h
    WHERE h.shard = ${place.shard} AND h.g = ${place.g} AND h.event = ${place.index}`;
  const hold = row === undefined ? null : keptHold(row);
  // Another one may stand in the place of one that was lost.
  return hold?.id === id ? hold : null;
}

/** Newest first; keys say how far each shard was read, see {@link Reached}. */
export async function listHolds(sql: Queryable, filter: HoldFilter, page: ListPage): Promise<Listed<Hold>> {
  const { idBeginning, account } = filter;
  if (idBeginning === "") return readHolds(sql, filter, null, page);
  const accounts = account === null ? await fewAccounts(sql, idBeginning) : null;
  return fillOwn(
    page,
    (part) => readHolds(sql, filter, accounts, part),
    (hold) => isOwnHold(idBeginning, hold),
  );
}

/** @param ofAccounts of these only, some of them perhaps for others; `null`: whatever the ids begin with */
async function readHolds(
  sql: Queryable,
  { account, state }: HoldFilter,
  ofAccounts: Parameters<typeof reachedAccounts>[1] | null,
  { count, after }: ListPage,
): Promise<Listed<Hold>> {
  const reached = await reachedIn(sql, { account, fromTime: null, beforeTime: null }, after);
  if (reached === null) return { items: [], next: null };
  const accounts = ofAccounts === null ? null : await reachedAccounts(sql, ofAccounts, reached);
  const from = accounts === null ? reachedRows(sql, reached) : reachedAccountRows(sql, accounts);
  const rows = await sql<HoldRow[]>`
    SELECT ${holdColumns(sql)}
    FROM ${from}
    CROSS JOIN LATERAL (
      SELECT * FROM holds AS h
      WHERE ${accounts === null ? sql`h.shard = p.shard` : sql`h.account = p.account`} AND (h.g, h.event) < (p.g, p.event)
        ${account === null ? sql`` : sql`AND h.account = ${account}`}
        ${state === null ? sql`` : sql`AND h.state = ${state}`}
      ORDER BY h.g DESC, h.event DESC LIMIT ${count + 1}
    ) AS h
    ORDER BY h.time DESC, h.shard DESC, h.g DESC, h.event DESC LIMIT ${count + 1}`;
  const items = rows.slice(0, count);
  const next = rows.length > count ? formatReached(reachedAfter(reached, items)) : null;
  return { items: items.map(keptHold), next };
}
