import type { JournalEnd, JournalSource, KeptRow } from "../events/journal-source.ts";

/** Of one shard at once; they also end after some 256 KB. */
const ROWS_MAX = 64;

/** Where reading begins in a shard. */
export interface JournalPlace {
  readonly shard: number;
  readonly g: number;
}

/**
 * The rows of all shards up to their ends, in the order of their times, and of the shards where these are the same. Those
 * of one shard stay in their order. Nothing is asked while the caller works on a row.
 */
export async function* mergedRows(
  journal: JournalSource,
  from: readonly JournalPlace[],
  ends: readonly Pick<JournalEnd, "shard" | "g">[],
): AsyncGenerator<KeptRow> {
  const shards = ends.map(({ shard, g: end }) => ({
    shard,
    end,
    next: from.find((place) => place.shard === shard)?.g ?? 0,
    rows: [] as KeptRow[],
  }));
  for (;;) {
    let first: KeptRow | null = null;
    let source: { rows: KeptRow[] } | null = null;
    for (const each of shards) {
      if (each.rows.length === 0 && each.next <= each.end) {
        const read = await journal.rows(each.shard, each.next, ROWS_MAX);
        each.next = (read.at(-1)?.g ?? each.end) + 1;
        // The latest first, so that the next is taken from the end.
        each.rows = read.filter(({ g }) => g <= each.end).toReversed();
      }
      const row = each.rows.at(-1);
      // Shards come in order, so the first of those with the same time stays.
      if (row !== undefined && (first === null || row.time < first.time)) {
        first = row;
        source = each;
      }
    }
    if (first === null || source === null) return;
    source.rows.pop();
    yield first;
  }
}
