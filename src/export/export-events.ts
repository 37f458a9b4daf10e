import { type Cursor, formatCursor, markOf, type Position } from "../events/cursor.ts";
import type { JournalSource, KeptRow } from "../events/journal-source.ts";
import type { ExportFormat } from "./export-format.ts";
import { mergedRows } from "./merged-rows.ts";
import { resolveSince } from "./since.ts";

/** Text is handed over in pieces of about so many characters. */
const PIECE = 64 * 1024;

/**
 * Exports the journal as it is at the beginning of the call: what is decided meanwhile is left to the next one.
 *
 * @param write takes the next piece of the text; nothing is being read from the journal meanwhile
 * @returns the cursor to go on with
 * @throws StartError if `since` is wrong
 * @throws LedgerUnavailable
 */
export async function exportEvents(
  journal: JournalSource,
  since: string | undefined,
  format: ExportFormat,
  write: (text: string) => void,
): Promise<string> {
  const ends = await journal.ends();
  const { from, before, reached: start } = await resolveSince(since, journal, ends);
  let piece = "";
  const put = (text: string): void => {
    piece += text;
    if (piece.length < PIECE) return;
    write(piece);
    piece = "";
  };
  put(format.begin());
  if (format.past !== undefined) {
    const beginning = ends.map(({ shard }) => ({ shard, g: 0 }));
    // Of the first row that is exported, some events may be before.
    const until = from.map(({ shard, g }) => ({ shard, g: Math.min(g, ends[shard]?.g ?? -1) }));
    for await (const row of mergedRows(journal, beginning, until)) {
      const count = row.g < (from[row.shard]?.g ?? 0) ? row.events.length : before(row);
      if (count > 0) put(await format.past(row, count));
    }
  }
  for (const text of format.opening?.() ?? []) put(text);
  const reached = [...start];
  for await (const row of mergedRows(journal, from, ends)) {
    const first = before(row);
    if (first < row.events.length)
      put(await format.row(row, first, (index) => formatCursor(cursorAfter(reached, row, index))));
    reached[row.shard] = positionAfter(row, row.events.length - 1);
  }
  if (piece !== "") write(piece);
  return formatCursor(reached);
}

function cursorAfter(reached: readonly Position[], row: KeptRow, index: number): Cursor {
  return reached.with(row.shard, positionAfter(row, index));
}

/** An event that is its row's last one has the place of the whole row. */
function positionAfter({ shard, g, hash, events }: KeptRow, index: number): Position {
  return { shard, g, seen: index + 1 < events.length ? index + 1 : null, mark: markOf(hash) };
}
