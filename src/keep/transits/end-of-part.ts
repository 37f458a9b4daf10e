import { parseEvent } from "../../ledger/event.ts";
import type { AttemptId, PartEvent } from "../../ledger/transit.ts";
import type { Queryable } from "../postgres-client.ts";

/** How the latest part of an attempt on a shard has ended; null if there is none, or it is open. */
export async function readEndOfPart(
  sql: Queryable,
  shard: number,
  attempt: AttemptId,
): Promise<PartEvent | null> {
  const [row] = await sql.unsafe<{ text: string | null }[]>(
    `SELECT j.events[p.ended_event + 1] AS text
     FROM parts AS p
     LEFT JOIN journal AS j ON j.shard = p.shard AND j.g = p.ended_g
     WHERE p.shard = $1 AND p.attempt = $2
     ORDER BY p.g DESC, p.event DESC LIMIT 1`,
    [shard, attempt],
  );
  if (typeof row?.text !== "string") return null;
  const event = parseEvent(row.text);
  return event.type === "finish" || event.type === "undo" ? event : null;
}
