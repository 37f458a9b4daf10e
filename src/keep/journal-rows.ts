import type { Batch } from "../carry/batch.ts";
import { type JournalRow, journalHash } from "../ledger/journal.ts";

export interface ChainedRow extends JournalRow {
  readonly hash: Uint8Array;
}

/**
 * The rows of the journal for batches that follow each other.
 *
 * @param times for each batch the latest time among its events
 * @param last the hash of the row before the first one
 */
export function journalRows(
  batches: readonly Batch[],
  times: readonly number[],
  last: Uint8Array,
): ChainedRow[] {
  let previous = last;
  return batches.map(({ shard, g, events }, index) => {
    const row = { shard, g, time: times[index] ?? 0, events, previous };
    const hash = journalHash(row);
    previous = hash;
    return { ...row, hash };
  });
}
