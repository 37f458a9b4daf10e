import type { AccountId } from "../../ledger/account.ts";
import type { JournalHead } from "../../ledger/journal.ts";

/** The result of an audit. It is printed as a table for people, or as JSON for machines. */
export interface AuditReport {
  readonly agreed: boolean;
  readonly system: "cluster" | "embedded";
  readonly counts: {
    readonly accounts: number;
    /** Entries in the books, or in the file. */
    readonly entries: number;
    /** Entries that are decided, but not in the books yet. 0 for an embedded file. */
    readonly outboxEntries: number;
    /** Batches of this epoch in the feed, which were all compared. 0 for an embedded file. */
    readonly feedBatches: number;
    readonly statements: number;
  };
  /** Where the journal of each shard ends. */
  readonly heads: readonly JournalHead[];
  readonly seconds: number;
  /** The first `audit_findings_told_max` findings; `findingsInAll` counts all of them. */
  readonly findings: readonly Finding[];
  readonly findingsInAll: number;
}

/**
 * One disagreement. `name` is stable, for machines. `detail` says for a person what was found, and where. `account` or
 * `seq` is null if it is unknown or has no meaning for the finding.
 */
export interface Finding {
  readonly name: FindingName;
  readonly account: AccountId | null;
  readonly seq: number | null;
  readonly detail: string;
}

export type FindingName =
  /** The seq of an account's entries has a gap, or the first is not 1. */
  | "seq-gap"
  /** The same seq occurs twice. */
  | "seq-doubled"
  /** A balance is not the previous balance plus or minus the value. */
  | "balance-broken"
  /** A balance is below -limit, by the limit that was in force. */
  | "limit-passed"
  /** The time of an entry is not after that of the previous one. */
  | "time-not-rising"
  /** One command has two entries. */
  | "command-doubled"
  /** An account (its balance, seq, limit) does not match its latest entry and limit. */
  | "account-differs"
  /** An account that has entries or limits does not exist, or the other way round. */
  | "account-missing"
  /** A hold has ended twice or out of its time, or what an account has held is not the sum of its open holds and parts. */
  | "hold-broken"
  /** A transaction was reversed twice, or by what is not its opposite, or was a reversal itself. */
  | "reversal-broken"
  /**
   * Of a transaction across shards a part is missing, has ended twice or otherwise than it was decided, or there are two
   * decisions; or what is in transit is not what the shards' accounts have of each other.
   */
  | "transit-broken"
  /** An account in Redis differs from books and outbox. */
  | "redis-differs"
  /** Redis is older than the books, than the feed, or than what was answered. */
  | "redis-older"
  /** Redis is of another epoch, is empty, or is marked as having lost batches. */
  | "redis-other"
  /** A statement does not consist of the ten latest entries. */
  | "statement-differs"
  /** There is a gap between the cursor and the outbox, or within the outbox. */
  | "outbox-gap"
  /** A batch in the feed differs from books or outbox. */
  | "feed-differs"
  /** The hash of a row of the journal does not fit its contents. */
  | "journal-hash"
  /** A row of the journal does not name the hash of the row before. */
  | "journal-chain"
  /** Rows of the journal are missing. */
  | "journal-gap"
  /** The journal ends before what the books have kept, or before a head that was noted. */
  | "journal-cut"
  /** A row of the journal is not the one that was noted. */
  | "journal-rewritten"
  /** A row of accounts, entries, holds, limits, reversals or outcomes is not what the journal makes of it, or the cursor. */
  | "journal-differs"
  /** The file or a table cannot be read, or has something else than expected. */
  | "unreadable";
