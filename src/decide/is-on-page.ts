import type { KeptEntry } from "../ledger/entry.ts";
import type { EntriesPage } from "../ledger/ledger.ts";

/** Whether an entry is one of those that a page is of. */
export function isOnPage(
  { seq, time }: KeptEntry,
  { from, before, fromTime, beforeTime }: EntriesPage,
): boolean {
  return (
    seq >= (from ?? 0) &&
    seq < (before ?? Infinity) &&
    time >= (fromTime ?? -Infinity) &&
    time < (beforeTime ?? Infinity)
  );
}
