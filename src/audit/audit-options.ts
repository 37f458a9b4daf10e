import type { JournalHead } from "../ledger/journal.ts";

/** What any audit can be given. */
export interface AuditOptions {
  /** Where the journal ended earlier, as it was noted elsewhere: what was cut off or rewritten since is a finding. */
  readonly since?: readonly JournalHead[] | null;
  /** Called with how much is done and about how much there is to do; see `ProgressEstimate`. */
  readonly onProgress?: (done: number, all: number) => void;
}
