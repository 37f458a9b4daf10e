import { shardOf } from "../ledger/account-id.ts";
import { eventJson, type EventView, viewOf } from "./event-json.ts";
import type { EventFilter } from "./event-source.ts";
import { accountsOf, type PublicEvent } from "./public-event.ts";

/** The event as a reader with this filter sees it; `null` if it is not for it. */
export function viewFor({ account, types, beginning }: EventFilter, event: PublicEvent): EventView | null {
  if (account !== null && !accountsOf(event).includes(account)) return null;
  if (beginning === "") {
    const { type } = event;
    return types === null || types.has(type) ? { type, json: eventJson(event) } : null;
  }
  // What a key sees of an event may be of another type.
  const view = viewOf(beginning, event);
  return view === null || types === null || types.has(view.type) ? view : null;
}

/** Whether a reader sees all there is, as it is. */
export function seesAll({ account, types, beginning }: EventFilter): boolean {
  return account === null && types === null && beginning === "";
}

/**
 * The shards on which the events of a filter are: all events of an account are on its own. Of a hold for it on another shard
 * its own one tells what was paid.
 */
export function shardsFor(filter: EventFilter, shards: number): readonly number[] {
  const only = shardOfFilter(filter, shards);
  return only === null ? Array.from({ length: shards }, (_, shard) => shard) : [only];
}

/** The only one of them; `null` where it is not the only one. */
export function shardOfFilter({ account }: EventFilter, shards: number): number | null {
  return account === null ? null : shardOf(account, shards);
}

/** The same text for filters that let the same through. */
export function filterKey({ account, types, beginning }: EventFilter): string {
  return JSON.stringify([account, types === null ? null : [...types].toSorted(), beginning]);
}
