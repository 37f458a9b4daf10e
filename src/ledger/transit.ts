import type { AccountState, Micros } from "./account.ts";
import type { NamedId } from "./entry.ts";
import type { Details, EventId, PostingDone } from "./transaction.ts";

// Transactions across shards, and the events of their parts: see docs/decisions/0029-across-shards.md.

/**
 * The id of one try of a transaction across shards: home's number, a hyphen, and what tells it from all others.
 */
export type AttemptId = string;

/** With which attempt a transaction across shards was decided, and which other shards have a part of it. */
export interface Across {
  readonly attempt: AttemptId;
  readonly shards: readonly number[];
}

/** What home remembers of an attempt that was decided. */
export interface Decided {
  readonly transaction: EventId;
  readonly decidedAt: Micros;
  /** The hold whose capture it is. */
  readonly hold: EventId | null;
}

/** What a part sets aside on an account of its shard; where it has ended, what is free again. */
export interface PartSide {
  /** In `held`. */
  readonly outgoing: number;
  /** Room up to the highest balance. */
  readonly incoming: number;
  /** 1 where the account is locked, else 0. */
  readonly locks: number;
}

interface PartChange {
  readonly time: Micros;
  readonly attempt: AttemptId;
  /** All of the event's own shard that the transaction names, in its conditions, too; as they are after the event. */
  readonly accounts: readonly AccountState[];
  /** Of the account in the same place. */
  readonly sides: readonly PartSide[];
}

interface PartMoves extends PartChange, Details {
  /** All of the transaction. Seq and balance are 0 for accounts that are not of this shard. */
  readonly postings: readonly PostingDone[];
  /** Of the command, which is remembered at home alone. */
  readonly id: NamedId;
  readonly reverses: EventId | null;
}

/** What becomes of the part of a transaction across shards on a shard that is not its home. */
export type PartEvent =
  /** Prepared: nothing has moved, and seq and balance of all postings are 0. */
  | (PartMoves & { readonly type: "part" })
  /** Done, since home has decided for it. */
  | (PartMoves & {
      readonly type: "finish";
      /** Home's. */
      readonly transaction: EventId;
      /** When home decided it. */
      readonly decidedAt: Micros;
      /** The hold whose capture it is. */
      readonly hold: EventId | null;
    })
  /** Nothing of it was done. */
  | (PartChange & { readonly type: "undo" });
