import { StartError } from "../errors.ts";
import { type Cursor, markOf, parseCursor, startOf } from "../events/cursor.ts";
import type { JournalEnd, JournalSource, KeptRow } from "../events/journal-source.ts";
import { parseTimestamp } from "../http/timestamp.ts";
import { parseEvent, timeOf } from "../ledger/event.ts";
import type { JournalPlace } from "./merged-rows.ts";

/** From where on events are exported. */
export interface Since {
  /** The first row of each shard that has such events, by shard. */
  readonly from: readonly JournalPlace[];
  /** The place before them. */
  readonly reached: Cursor;
  /** How many of the events of this row are before. */
  readonly before: (row: KeptRow) => number;
}

/**
 * @param text a cursor of an export or of `/v1/events`, or a time of RFC 3339; `undefined` for the beginning
 * @throws StartError if it is neither, or a cursor of another ledger or of another past
 */
export async function resolveSince(
  text: string | undefined,
  journal: JournalSource,
  ends: readonly JournalEnd[],
): Promise<Since> {
  const beginning = startOf(ends.length);
  if (text === undefined)
    return { from: ends.map(({ shard }) => ({ shard, g: 0 })), reached: beginning, before: () => 0 };
  const time = parseTimestamp(text);
  if (time !== null) {
    const from = await Promise.all(
      ends.map(async ({ shard }) => ({ shard, g: await journal.firstSince(shard, time) })),
    );
    const earlier = await journal.hashesAt(from.map(({ shard, g }) => ({ shard, g: g - 1 })));
    return {
      from,
      // Where no row is just before, as behind a gap, it is the beginning: rather twice than not at all.
      reached: beginning.map((first, index) => {
        const hash = earlier[index] ?? null;
        const g = (from[index]?.g ?? 0) - 1;
        return hash === null ? first : { ...first, g, mark: markOf(hash) };
      }),
      before: (row) => {
        if (row.g > (from[row.shard]?.g ?? 0)) return 0;
        const first = row.events.findIndex((event) => timeOf(parseEvent(event)) >= time);
        return first === -1 ? row.events.length : first;
      },
    };
  }
  const cursor = parseCursor(text);
  if (cursor === null) {
    throw new StartError(
      "--since must be a cursor, as the last line of an export in jsonl has it, or a time of RFC 3339, such as " +
        "2026-11-26T00:00:00Z.",
    );
  }
  if (cursor.length !== ends.length)
    throw new StartError("the cursor of --since is of another ledger, which has other shards.");
  const read = cursor.filter(({ g }) => g >= 0);
  const hashes = await journal.hashesAt(read);
  for (const [index, { mark }] of read.entries()) {
    const hash = hashes[index] ?? null;
    if (hash !== null && markOf(hash) === mark) continue;
    throw new StartError(
      "the ledger does not have what the cursor of --since was made of: its data was put back from a backup, or it is " +
        "another ledger. Export from a time, or all of it.",
    );
  }
  return {
    reached: cursor,
    from: cursor.map(({ shard, g, seen }) => ({ shard, g: seen === null ? g + 1 : g })),
    before: (row) => {
      const { g, seen } = cursor[row.shard] ?? { g: -1, seen: null };
      return row.g === g && seen !== null ? seen : 0;
    },
  };
}
