import { setImmediate as nextTurn } from "node:timers/promises";
import { type Cursor, formatCursor, markOf, type Position } from "./cursor.ts";
import type { JournalSource, KeptRow } from "./journal-source.ts";
import type { PublicEvent } from "./public-event.ts";
import type { PublicEvents } from "./to-public-events.ts";

/** Rows that are read at once: few at first, since a full page needs few, then more, since a filter may pass many over. */
const ROWS_FIRST = 8;
const ROWS_MAX = 256;

export interface Walk {
  readonly from: Cursor;
  /** The last rows that are read, each looked at whole. */
  readonly to: Cursor;
  /** Those that are read; of the others the position stays. */
  readonly shards: readonly number[];
  /** It ends after so many rows. */
  readonly rowsMax: number;
  /**
   * Takes an event.
   *
   * @param cursor the text of the place behind it
   * @returns whether it takes more
   */
  readonly take: (event: PublicEvent, cursor: () => string) => boolean;
}

export interface Walked {
  readonly cursor: Cursor;
  /** Whether it came to where it was to end. */
  readonly isDone: boolean;
}

/**
 * Walks through the journal from one cursor to another: in the order of each shard, and of the shards the row that is older
 * first, as far as rows that were read together tell.
 *
 * @throws LedgerUnavailable
 */
export async function walkJournal(
  journal: JournalSource,
  events: PublicEvents,
  { from, to, shards, rowsMax, take }: Walk,
): Promise<Walked> {
  const cursor = [...from];
  let looked = 0;
  for (let count = ROWS_FIRST; ; count = Math.min(2 * count, ROWS_MAX)) {
    const behind = shards.filter((shard) => isBehind(cursor[shard], to[shard]));
    if (behind.length === 0) return { cursor, isDone: true };
    if (looked >= rowsMax) return { cursor, isDone: false };
    const each = Math.max(1, Math.min(rowsMax - looked, Math.floor(count / behind.length)));
    // A data file answers at once: without a pause nothing else would be done until all have walked.
    await nextTurn();
    const read = await Promise.all(behind.map((shard) => rowsAfter(journal, cursor, to, shard, each)));
    for (const row of untilOneEnds(read)) {
      looked += 1;
      if (!takeRow(row, await events.of(row), cursor, take)) return { cursor, isDone: false };
    }
  }
}

/** Behind an event of a row: how many of its events are seen then, `null` if none follows. */
export function seenAt(events: readonly (PublicEvent | null)[], index: number): number | null {
  for (let next = index + 1; next < events.length; next += 1) if (events[next] !== null) return index + 1;
  return null;
}

export function placeIn(
  { shard, g, hash }: Pick<KeptRow, "shard" | "g" | "hash">,
  seen: number | null,
): Position {
  return { shard, g, seen, mark: g < 0 ? 0 : markOf(hash) };
}

function isBehind(position: Position | undefined, end: Position | undefined): boolean {
  if (position === undefined || end === undefined) return false;
  return position.g < end.g || (position.g === end.g && position.seen !== null);
}

/** Whether it has seen rows of these shards that are not before the end. */
export function isAhead(cursor: Cursor, to: Cursor, shards: readonly number[]): boolean {
  return shards.some((shard) => (cursor[shard]?.g ?? -1) > (to[shard]?.g ?? -1));
}

/** @param cursor is moved to the end where there are no more rows */
async function rowsAfter(
  journal: JournalSource,
  cursor: Position[],
  to: Cursor,
  shard: number,
  count: number,
): Promise<readonly KeptRow[]> {
  const position = cursor[shard];
  const end = to[shard];
  if (position === undefined || end === undefined) return [];
  const first = position.seen === null ? position.g + 1 : position.g;
  const rows = await journal.rows(shard, first, count);
  const wanted = rows.filter(({ g }) => g <= end.g);
  if (wanted.length === 0) cursor[shard] = end;
  return wanted;
}

/** The rows of all shards, the oldest first, as long as it is known of each shard which row is its next. */
function* untilOneEnds(read: readonly (readonly KeptRow[])[]): Generator<KeptRow> {
  const next = read.filter((rows) => rows.length > 0).map((rows) => ({ rows, at: 0 }));
  for (;;) {
    let oldest: { row: KeptRow; of: (typeof next)[number] } | null = null;
    for (const of of next) {
      const row = of.rows[of.at];
      if (row === undefined) return;
      if (oldest === null || row.time < oldest.row.time) oldest = { row, of };
    }
    if (oldest === null) return;
    oldest.of.at += 1;
    yield oldest.row;
  }
}

/** @returns whether more is taken */
function takeRow(
  row: KeptRow,
  events: readonly (PublicEvent | null)[],
  cursor: Position[],
  take: Walk["take"],
): boolean {
  const before = cursor[row.shard];
  const seen = before?.g === row.g ? (before.seen ?? events.length) : 0;
  for (let index = seen; index < events.length; index += 1) {
    const event = events[index];
    if (event === null || event === undefined) continue;
    cursor[row.shard] = placeIn(row, seenAt(events, index));
    if (!take(event, () => formatCursor(cursor))) return false;
  }
  cursor[row.shard] = placeIn(row, null);
  return true;
}
