import { type Cursor, markOf, parseCursor } from "../events/cursor.ts";
import type { JournalSource } from "../events/journal-source.ts";
import type { HookOutcome, ReplayStart } from "./hook-store.ts";

/** At the end of the journal as it is now. */
export async function latestCursor(journal: JournalSource): Promise<Cursor> {
  return (await journal.ends()).map(({ shard, g, hash }) => ({ shard, g, seen: null, mark: markOf(hash) }));
}

/** A restore may have left a gap: how many rows before a place are looked for. */
const ROWS_BEFORE = 64;

/** Where a replay begins, or why it cannot. */
export async function replayCursor(journal: JournalSource, from: ReplayStart): Promise<Cursor | HookOutcome> {
  const shards = (await journal.ends()).length;
  if (from.type === "from") {
    return Promise.all(Array.from({ length: shards }, (_, shard) => before(journal, shard, from.time)));
  }
  const cursor = parseCursor(from.cursor);
  if (cursor?.length !== shards) {
    return {
      type: "wrong-field",
      field: "after",
      rule: "must be a cursor that /v1/events or a webhook gave",
    };
  }
  const gone = await goneShard(journal, cursor);
  return gone === null ? cursor : { type: "cursor-gone", shard: gone };
}

/** The first shard whose row the cursor names that is not there any more, or is another one; `null`: none. */
export async function goneShard(journal: JournalSource, cursor: Cursor): Promise<number | null> {
  const begun = cursor.filter(({ g }) => g >= 0);
  const hashes = await journal.hashesAt(begun);
  const gone = begun.find(({ mark }, index) => {
    const hash = hashes[index] ?? null;
    return hash === null || markOf(hash) !== mark;
  });
  return gone?.shard ?? null;
}

async function before(journal: JournalSource, shard: number, time: number): Promise<Cursor[number]> {
  const first = await journal.firstSince(shard, time);
  const places = Array.from({ length: Math.min(first, ROWS_BEFORE) }, (_, back) => ({
    shard,
    g: first - 1 - back,
  }));
  const hashes = await journal.hashesAt(places);
  const found = hashes.findIndex((hash) => hash !== null);
  const [place, hash] = [places[found], hashes[found]];
  if (place === undefined || hash === undefined || hash === null)
    return { shard, g: -1, seen: null, mark: 0 };
  return { ...place, seen: null, mark: markOf(hash) };
}
