import type { Batch } from "../../carry/batch.ts";
import { parseEvent } from "../../ledger/event.ts";
import type { AttemptId } from "../../ledger/transit.ts";
import type { Queryable } from "../postgres-client.ts";
import { texts } from "../pg-array.ts";
import type { PreparedPart } from "./part-changes.ts";

/**
 * The open parts in the books that the batches, all of one shard, end.
 *
 * @param journal where the journal is, if not beside the other tables
 */
export async function readEndingParts(
  sql: Queryable,
  shard: number,
  batches: readonly Batch[],
  journal = "journal",
): Promise<Map<AttemptId, PreparedPart>> {
  const ending = new Set<AttemptId>();
  for (const { events } of batches)
    // Nearly all events end none, and are not parsed here.
    for (const text of events) if (/^[fu] /.test(text)) ending.add(text.split(" ", 3)[2] ?? "");
  if (ending.size === 0) return new Map();
  const rows = await sql.unsafe<{ attempt: AttemptId; text: string }[]>(
    `SELECT p.attempt, j.events[p.event + 1] AS text
     FROM unnest($2::text::text[]) AS n (attempt)
     JOIN parts AS p ON p.shard = $1 AND p.attempt = n.attempt AND p.state = 'open'
     JOIN ${journal} AS j ON j.shard = p.shard AND j.g = p.g`,
    [shard, texts([...ending], (attempt) => attempt)],
  );
  const open = new Map<AttemptId, PreparedPart>();
  for (const { attempt, text } of rows) {
    const event = parseEvent(text);
    if (event.type === "part") open.set(attempt, event);
  }
  return open;
}
