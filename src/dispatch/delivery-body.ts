import type { DispatchedWebhook, DispatchTables, PendingDelivery } from "../hooks/dispatch-tables.ts";
import { bodyOf, type EventReader } from "./event-reader.ts";
import { crossingId } from "./watch-loop.ts";

/** What is sent of a delivery, from the journal as it is now; `null`: what it was to tell is not there any more. */
export async function deliveryBody(
  { tables, reader }: { readonly tables: DispatchTables; readonly reader: EventReader },
  { beginning }: Pick<DispatchedWebhook, "beginning">,
  { shard, g, event: index, sub, id, accounts }: PendingDelivery,
): Promise<string | null> {
  const event = await reader.event(shard, g, index);
  if (event === null) return null;
  if (sub === "") return event.id === id ? bodyOf(event, beginning) : null;
  const [watch = ""] = sub.split(" ");
  const [account = ""] = accounts;
  // What a watch told goes with the watch, and with the event that did it.
  if (id !== crossingId(watch, event.id, account)) return null;
  return tables.crossingBody({ watch, shard, g, event: index, account });
}
