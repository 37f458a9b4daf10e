import { startOf } from "../../../src/events/cursor.ts";
import type { JournalSource } from "../../../src/events/journal-source.ts";
import type { PublicEvent } from "../../../src/events/public-event.ts";
import { PublicEvents } from "../../../src/events/to-public-events.ts";

/** The events of each shard, as its journal has them now. */
export async function keptEvents(journal: JournalSource): Promise<PublicEvent[][]> {
  const ends = await journal.ends();
  const events = new PublicEvents(journal);
  return Promise.all(
    startOf(ends.length).map(async ({ shard }) => {
      const found: PublicEvent[] = [];
      for (let from = 0; ;) {
        const rows = await journal.rows(shard, from, 100);
        for (const row of rows) for (const one of await events.of(row)) if (one !== null) found.push(one);
        const last = rows.at(-1);
        if (last === undefined) return found;
        from = last.g + 1;
      }
    }),
  );
}

/** The ids, of each shard in their order. */
export function byShard(ids: readonly string[], shards: number): string[][] {
  return Array.from({ length: shards }, (_, shard) => ids.filter((id) => id.startsWith(`e${shard}-`)));
}
