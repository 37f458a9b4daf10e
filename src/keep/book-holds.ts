import { type AccountId, type Micros, type Party, WORLD } from "../ledger/account.ts";
import { shardOf } from "../ledger/account-id.ts";
import { detailsIn } from "../ledger/event.ts";
import type { HoldFilter, Listed, ListPage } from "../ledger/ledger.ts";
import { eventId, placeOfEvent } from "../ledger/event-id.ts";
import type { EventId, Hold, HoldStatus } from "../ledger/transaction.ts";
import type { Queryable } from "./postgres-client.ts";
import { integers } from "./pg-array.ts";

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

/** How far a list has come in one shard: what is before this is still to come. */
interface Reached {
  readonly shard: number;
  readonly g: number;
  readonly event: number;
}

/**
 * Newest first. Within a shard that is the order of the journal, and shards are merged by time; so keys say how far each
 * shard was read, and no index by time is needed.
 */
export async function listHolds(
  sql: Queryable,
  { account, state }: HoldFilter,
  { count, after }: ListPage,
): Promise<Listed<Hold>> {
  const reached = after === null ? await newest(sql, account) : parseReached(after);
  if (reached === null) return { items: [], next: null };
  const rows = await sql<HoldRow[]>`
    SELECT ${holdColumns(sql)}
    FROM unnest(
      ${integers(reached, ({ shard }) => shard)}::text::integer[], ${integers(reached, ({ g }) => g)}::text::bigint[],
      ${integers(reached, ({ event }) => event)}::text::integer[]
    ) AS p (shard, g, event)
    CROSS JOIN LATERAL (
      SELECT * FROM holds AS h
      WHERE h.shard = p.shard AND (h.g, h.event) < (p.g, p.event)
        ${account === null ? sql`` : sql`AND h.account = ${account}`}
        ${state === null ? sql`` : sql`AND h.state = ${state}`}
      ORDER BY h.g DESC, h.event DESC LIMIT ${count + 1}
    ) AS h
    ORDER BY h.time DESC, h.shard DESC, h.g DESC, h.event DESC`;
  const items = rows.slice(0, count);
  if (rows.length <= count) return { items: items.map(keptHold), next: null };
  const next = reached.map(({ shard, ...before }) => {
    const last = items.findLast((row) => row.shard === shard);
    const { g, event } = last ?? before;
    return { shard, g, event };
  });
  return { items: items.map(keptHold), next: formatReached(next) };
}

/** Behind the latest batch of each shard that may have any. */
async function newest(sql: Queryable, account: AccountId | null): Promise<Reached[]> {
  const rows = await sql<{ shard: number; last_g: number }[]>`SELECT shard, last_g FROM cursors`;
  return rows
    .filter(({ shard }) => account === null || shard === shardOf(account, rows.length))
    .map(({ shard, last_g: lastG }) => ({ shard, g: lastG + 1, event: 0 }));
}

function formatReached(reached: readonly Reached[]): string {
  return reached.map(({ shard, g, event }) => `${shard}-${g}-${event}`).join("_");
}

/** `null` if the text is none. */
function parseReached(text: string): Reached[] | null {
  const reached: Reached[] = [];
  for (const part of text.split("_")) {
    const [, shard, g, event] = /^(\d{1,4})-(\d{1,16})-(\d{1,5})$/.exec(part) ?? [];
    if (event === undefined) return null;
    reached.push({ shard: Number(shard), g: Number(g), event: Number(event) });
  }
  return reached;
}
