import { type Cursor, markOf } from "../events/cursor.ts";
import { accountsOf, type PublicEvent } from "../events/public-event.ts";
import type { DispatchedWebhook, PendingDelivery } from "../hooks/dispatch-tables.ts";
import { placeText } from "../hooks/hook-rows.ts";
import { isNamed } from "../hooks/webhook-filter.ts";
import { bodyOf, type EventReader, type ReadRow } from "./event-reader.ts";

/** What of the journal is for a webhook. */

export type Position = Cursor[number];

type Filter = Pick<DispatchedWebhook, "types" | "accounts" | "beginning">;

export interface Taken {
  readonly deliveries: readonly PendingDelivery[];
  readonly position: Position;
}

const ROWS_AT_ONCE = 64;
/** Made of one shard at once, or as many as a row has: they are kept in one transaction. */
const DELIVERIES_AT_ONCE = 500;

/** The next rows of one shard, as deliveries. `null`: there are none yet. */
export async function takeNext(
  reader: EventReader,
  filter: Filter,
  position: Position,
  now: number,
): Promise<Taken | null> {
  const { shard, g, seen } = position;
  const rows = await reader.rows(shard, seen === null ? g + 1 : g, ROWS_AT_ONCE);
  let at = position;
  const deliveries: PendingDelivery[] = [];
  for (const row of rows) {
    if (deliveries.length >= DELIVERIES_AT_ONCE) break;
    deliveries.push(...deliveriesOf(row, filter, at, now));
    at = { shard, g: row.row.g, seen: null, mark: markOf(row.row.hash) };
  }
  return rows.length === 0 ? null : { deliveries, position: at };
}

function deliveriesOf(
  { row, events }: ReadRow,
  filter: Filter,
  before: Position,
  now: number,
): PendingDelivery[] {
  const { shard, g } = row;
  const first = before.g === g ? (before.seen ?? events.length) : 0;
  const found: PendingDelivery[] = [];
  for (const [event, content] of events.entries()) {
    if (event < first || content === null || !isFor(filter, content)) continue;
    const place = event === 0 ? before : { g, seen: event, mark: markOf(row.hash) };
    found.push({
      ...newDelivery(shard, g, event, now),
      id: content.id,
      type: content.type,
      accounts: accountsOf(content),
      before: placeText(place),
    });
  }
  return found;
}

/** One that was not tried yet. */
export function newDelivery(
  shard: number,
  g: number,
  event: number,
  now: number,
): Omit<PendingDelivery, "id" | "type" | "accounts" | "before"> {
  return { shard, g, event, sub: "", tried: 0, firstAt: null, nextAt: now, attempts: [] };
}

function isFor({ types, accounts, beginning }: Filter, event: PublicEvent): boolean {
  if (types !== null && !types.has(event.type)) return false;
  if (accounts !== null && !accountsOf(event).some((account) => isNamed(accounts, account))) return false;
  return beginning === "" || bodyOf(event, beginning) !== null;
}
