import type { AccountId, Micros } from "../ledger/account.ts";
import { shardOf } from "../ledger/account-id.ts";
import type { Queryable } from "./postgres-client.ts";
import { integers } from "./pg-array.ts";

/**
 * How far a list has come in one shard: what is before this place in its journal, and not before `fromG`, is still to come.
 *
 * Lists of transactions and holds are newest first. Within a shard that is the order of its journal, whose times never go
 * back; shards are merged by time, and may differ by what their clocks do. So a key says how far each shard was read:
 * rows are only added behind all others of their shard, never before a place that a key has passed. Whatever was kept when
 * a list was begun comes once; what is kept later, in whichever order, is in a list that is begun later.
 */
export interface Reached {
  readonly shard: number;
  readonly g: number;
  readonly event: number;
  readonly fromG: number;
}

/** What a list is of; `null`: it does not matter. Times may be in the rows at both ends only in part. */
interface Stretch {
  readonly account: AccountId | null;
  readonly fromTime: Micros | null;
  readonly beforeTime: Micros | null;
}

/** Where a list begins, or goes on; `null` if there is no such key. */
export async function reachedIn(
  sql: Queryable,
  { account, fromTime, beforeTime }: Stretch,
  key: string | null,
): Promise<Reached[] | null> {
  const after = key === null ? null : parseReached(key);
  if (key !== null && after === null) return null;
  const rows = await sql<{ shard: number; from_g: number; to_g: number }[]>`
    SELECT shard, ${fromTime === null ? sql`0::bigint` : sql`first_g(shard, last_g, ${fromTime})`} AS from_g,
      ${beforeTime === null ? sql`last_g` : sql`first_g(shard, last_g, ${beforeTime})`} AS to_g
    FROM cursors ORDER BY shard`;
  const reached: Reached[] = [];
  for (const { shard, from_g: fromG, to_g: toG } of rows) {
    if (account !== null && shard !== shardOf(account, rows.length)) continue;
    const place = after === null ? { g: toG + 1, event: 0 } : after.get(shard);
    if (place === undefined) return null;
    reached.push({ shard, ...place, fromG });
  }
  return reached;
}

/** A table with these columns, to be joined with. */
export function reachedRows(sql: Queryable, reached: readonly Reached[]) {
  return sql`unnest(
    ${integers(reached, ({ shard }) => shard)}::text::integer[], ${integers(reached, ({ g }) => g)}::text::bigint[],
    ${integers(reached, ({ event }) => event)}::text::integer[], ${integers(reached, ({ fromG }) => fromG)}::text::bigint[]
  ) AS p (shard, g, event, from_g)`;
}

/** As far as these, which were read in their order. */
export function reachedAfter(
  reached: readonly Reached[],
  items: readonly Pick<Reached, "shard" | "g" | "event">[],
): Reached[] {
  return reached.map((before) => {
    const last = items.findLast(({ shard }) => shard === before.shard);
    return last === undefined ? before : { ...before, g: last.g, event: last.event };
  });
}

export function formatReached(reached: readonly Reached[]): string {
  return reached.map(({ shard, g, event }) => `${shard}-${g}-${event}`).join("_");
}

/** By shard. `null` if the text is none. */
function parseReached(text: string): Map<number, Pick<Reached, "g" | "event">> | null {
  const reached = new Map<number, Pick<Reached, "g" | "event">>();
  for (const part of text.split("_")) {
    const [, shard, g, event] = /^(\d{1,4})-(\d{1,15})-(\d{1,5})$/.exec(part) ?? [];
    if (event === undefined) return null;
    reached.set(Number(shard), { g: Number(g), event: Number(event) });
  }
  return reached;
}
