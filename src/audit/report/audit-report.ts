/** What an audit found. The same for people (a table) and machines (JSON). */
export interface AuditReport {
  readonly agreed: boolean;
  /** Where it looked, and what could not be looked at though the rest could. */
  readonly system: "cluster" | "embedded";
  readonly counts: {
    readonly accounts: number;
    /** Kept in the books, or in the file. */
    readonly entries: number;
    /** Decided, and not in the books yet. 0 for an embedded file. */
    readonly outboxEntries: number;
    /** Batches that the feed still holds and that were compared. 0 for an embedded file. */
    readonly feedBatches: number;
    readonly statements: number;
  };
  readonly seconds: number;
  /** The first `findings_told_max`; `findingsInAll` counts the rest, too. */
  readonly findings: readonly Finding[];
  readonly findingsInAll: number;
}

/**
 * One disagreement. `name` is stable, for machines; `detail` says for a person what was found, and where.
 * A place that is not known, or has no meaning for the finding, is null.
 */
export interface Finding {
  readonly name: FindingName;
  readonly account: number | null;
  readonly seq: number | null;
  readonly detail: string;
}

export type FindingName =
  /** An account's entries have a hole in their seq, or the first is not 1. */
  | "seq-gap"
  /** The same seq stands twice. */
  | "seq-doubled"
  /** A balance is not the one before it and the value. */
  | "balance-broken"
  /** A balance is under the limit that was in force. */
  | "limit-passed"
  /** The time of an entry is not after that of the one before. */
  | "time-not-rising"
  /** One command has two entries. */
  | "command-doubled"
  /** An account (its balance, seq, limit) is not as its latest entry and limit. */
  | "account-differs"
  /** An account has entries or limits, and is not there; or the other way round. */
  | "account-missing"
  /** Redis has an account otherwise than the books and the outbox say. */
  | "redis-differs"
  /** Redis is older than the books, than the feed, or than what was answered. */
  | "redis-older"
  /** Redis is of another epoch, holds nothing, or was marked as having lost batches. */
  | "redis-other"
  /** A statement is not the ten latest entries. */
  | "statement-differs"
  /** The outbox does not follow the cursor without a gap. */
  | "outbox-gap"
  /** The feed has a batch that says something else than the books or the outbox. */
  | "feed-differs"
  /** The file or a table cannot be read as what it should be. */
  | "unreadable";
