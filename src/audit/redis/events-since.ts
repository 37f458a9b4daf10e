import { bounds } from "../../bounds.ts";
import type { Place } from "../../ledger/event-results.ts";
import { type Decision, parseDecision, type QueryBooks } from "../events.ts";

/** The events that the books have kept of a shard after a batch, in order. */
export async function* eventsSince(
  queryBooks: QueryBooks,
  shard: number,
  g: number,
): AsyncGenerator<{ readonly event: Decision; readonly place: Place }> {
  const count = bounds.audit_chunk_batches;
  for (let last = g; ;) {
    const rows = await queryBooks(
      `SELECT j.g::text, e.text, e.at::text FROM (
         SELECT g, events FROM journal WHERE shard = ${shard} AND g > $1::text::bigint ORDER BY g LIMIT ${count}
       ) AS j, unnest(j.events) WITH ORDINALITY AS e (text, at) ORDER BY j.g, e.at`,
      [String(last)],
    );
    for (const row of rows) {
      last = Number(row["g"]);
      const event = parseDecision(String(row["text"]));
      if (event !== null) yield { event, place: { shard, g: last, index: Number(row["at"]) - 1 } };
    }
    if (rows.length === 0) return;
  }
}
