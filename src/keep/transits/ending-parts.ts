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
  const ending = endedAttempts(batches);
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

/** The attempts of which the batches end parts. Nearly all events end none, and are not parsed here. */
export function endedAttempts(batches: readonly Batch[]): ReadonlySet<AttemptId> {
  let ending: Set<AttemptId> | null = null;
  for (const { events } of batches)
    for (const text of events) {
      const letter = text.charCodeAt(0);
      if ((letter !== LETTER_F && letter !== LETTER_U) || text.charCodeAt(1) !== SPACE) continue;
      ending ??= new Set();
      ending.add(text.split(" ", 3)[2] ?? "");
    }
  return ending ?? NONE;
}

const NONE: ReadonlySet<AttemptId> = new Set();
const LETTER_F = 0x66;
const LETTER_U = 0x75;
const SPACE = 0x20;
