import type { Queryable } from "./postgres-client.ts";

/** Which of the events are not in batch `g` of the shard, as the journal has it. */
export async function missingEvents(
  sql: Queryable,
  { shard, g }: { readonly shard: number; readonly g: number },
  events: readonly string[],
): Promise<string[]> {
  const rows = await sql<{ event: string }[]>`
    SELECT unnest(events) AS event FROM journal WHERE shard = ${shard} AND g = ${g}`;
  const kept = new Set(rows.map(({ event }) => event));
  return events.filter((event) => !kept.has(event));
}
