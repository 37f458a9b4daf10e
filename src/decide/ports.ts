import type { Batch } from "../carry/batch.ts";
import type { Account, AccountId, Micros } from "../ledger/account.ts";
import type { KeptEntry } from "../ledger/entry.ts";
import type { LedgerEvent } from "../ledger/event.ts";
import type {
  AccountFilter,
  BalanceAt,
  EntriesPage,
  HoldFilter,
  LedgerTotals,
  Listed,
  ListPage,
  TransactionFilter,
} from "../ledger/ledger.ts";
import type { EventId, Hold, Transaction } from "../ledger/transaction.ts";
import type { AttemptId, PartEvent } from "../ledger/transit.ts";

/** The books as the deciding side uses them. Methods reject if the books cannot be reached. */
export interface BooksReader {
  /** Null if `razonete init` has not run. */
  fence(): Promise<BooksFence | null>;
  /**
   * Notes that batch `g` of the shard was answered and that Redis was then found not to have it. Does nothing if the
   * books are of another epoch by now.
   */
  noteSeen(epoch: string, shard: number, g: number): Promise<void>;
  /**
   * Why the books must not be relied on as their server is set, for a person; null if they may.
   *
   * @param durable false accepts a server that may lose committed rows when the machine loses its power
   */
  settingsFault(durable: boolean): Promise<string | null>;
  /** Whether the books have the event in batch `g` of the shard. */
  hasEvent(shard: number, g: number, event: string): Promise<boolean>;
  /** The entries of the page that are kept. */
  entries(account: AccountId, page: EntriesPage): Promise<KeptEntries>;
  /** The events of a batch; null if it is not kept. */
  batch(shard: number, g: number): Promise<readonly LedgerEvent[] | null>;
  /** How the latest part of an attempt on that shard has ended; null if it is open, or not kept. */
  endOfPart(shard: number, attempt: AttemptId): Promise<PartEvent | null>;
  hold(id: EventId): Promise<Hold | null>;
  /** Which transaction takes this one back. */
  reversalOf(id: EventId): Promise<EventId | null>;
  balanceAt(account: AccountId, time: Micros): Promise<BalanceAt | null>;
  accounts(filter: AccountFilter, page: ListPage): Promise<Listed<Account>>;
  transactions(filter: TransactionFilter, page: ListPage): Promise<Listed<Transaction>>;
  holds(filter: HoldFilter, page: ListPage): Promise<Listed<Hold>>;
  /** `lastG`: of each shard, by its number, the latest batch that they have. */
  totals(): Promise<
    Omit<LedgerTotals, "lagMilliseconds" | "shardsAway"> & { readonly lastG: readonly number[] }
  >;
}

/** What the books know about the Redis that belongs to them. */
export interface BooksFence {
  readonly epoch: string;
  /** Redis was filled for this epoch. If it is empty now, it has lost data. */
  readonly loaded: boolean;
  /** A restore was begun and is not finished. */
  readonly isRestoring: boolean;
  readonly shards: number;
  /** For each shard, by its number, the latest batch that is kept. */
  readonly lastG: readonly number[];
  /** For each shard the latest batch that was noted by {@link BooksReader.noteSeen}; 0 if there is none. */
  readonly seenG: readonly number[];
}

export interface KeptEntries {
  /** The seq of the account's latest kept entry, read together with the entries; 0 if there is none. */
  readonly keptSeq: number;
  /** In the order of the page. */
  readonly entries: readonly KeptEntry[];
}

/** Publishes batches to subscribers. Nobody waits for it, and it never throws. */
export interface BatchFeed {
  publish(batch: Batch): void;
}
