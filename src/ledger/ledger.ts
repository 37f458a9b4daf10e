import type { Account, AccountId, AccountState, AccountStatus, Micros } from "./account.ts";
import type { AccountOrder } from "./account-order.ts";
import type { Command } from "./command.ts";
import type { Entry, KeptEntry } from "./entry.ts";
import type { Refused } from "./refused.ts";
import type { EventId, Hold, HoldStatus, Transaction } from "./transaction.ts";

/** What a command did. */
export type Result =
  /** A transaction of the contest's route. */
  | { readonly type: "entry"; readonly account: Pick<AccountState, "id" | "creditLimit" | "balance" | "seq"> }
  /** `opened`: false for one that was opened just so before, which is as it stands. */
  | { readonly type: "account"; readonly account: Account; readonly opened: boolean }
  /** The accounts as they stand after it. `id` is empty for a dry run. */
  | {
      readonly type: "transaction";
      readonly transaction: Transaction;
      readonly accounts: readonly AccountState[];
    }
  | { readonly type: "hold"; readonly hold: Hold; readonly account: AccountState };

/** The result of a command. `replayed`: the command was decided before, under the same id, and this is that outcome. */
export type Outcome =
  | { readonly type: "accepted"; readonly result: Result; readonly replayed: boolean }
  | ({ readonly type: "refused"; readonly replayed: boolean } & Refused);

/** An account and its latest entries, newest first, all read at the same point in time. */
export interface Statement {
  readonly account: Account;
  readonly entries: readonly Entry[];
  readonly readAt: Micros;
}

/** Some of the entries of an account, in the order of seq. */
export interface EntriesPage {
  /** 1 to 101: one more than the edge shows tells it whether there is another page. */
  readonly count: number;
  readonly order: "asc" | "desc";
  /** Seqs: from the first to before the second, `null` for no bound. */
  readonly from: number | null;
  readonly before: number | null;
  /** The same of times. */
  readonly fromTime: Micros | null;
  readonly beforeTime: Micros | null;
}

/** An account as it stood at a time. */
export interface BalanceAt {
  readonly id: AccountId;
  readonly unit: string;
  readonly balance: number;
  /** Its latest entry then; 0 for none, also before it was opened. */
  readonly seq: number;
}

/** A transaction, and what came of it later. */
export interface KeptTransaction {
  readonly transaction: Transaction;
  readonly reversedBy: EventId | null;
}

/** What lists are of. `idBeginning`: only of accounts whose ids begin so, see own-accounts.ts; empty for all. */
export interface AccountFilter {
  readonly idBeginning: string;
  readonly unit: string | null;
  readonly state: AccountStatus | null;
  /** What its name begins with. */
  readonly name: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly balanceLessThan: number | null;
  readonly balanceGreaterThan: number | null;
  readonly order: AccountOrder;
}

export interface TransactionFilter {
  readonly idBeginning: string;
  readonly reference: string | null;
  readonly account: AccountId | null;
  readonly fromTime: Micros | null;
  readonly beforeTime: Micros | null;
}

export interface HoldFilter {
  readonly idBeginning: string;
  readonly account: AccountId | null;
  readonly state: HoldStatus | null;
}

/** A part of a list: up to `count`, after the one with this key; `null` begins. Keys are opaque. */
export interface ListPage {
  /** 1 to 100. */
  readonly count: number;
  readonly after: string | null;
}

/** `next`: the key to go on after; `null` if that was all. */
export interface Listed<Item> {
  readonly items: readonly Item[];
  readonly next: string | null;
}

/** The trial balance, as the books have it. */
export interface UnitTotals {
  readonly unit: string;
  readonly balances: bigint;
  readonly world: bigint;
  /**
   * What transactions across shards have taken from accounts and not yet brought to others; under 0 where it has come
   * before it was taken, as the books of each shard go on at their own pace.
   */
  readonly inTransit: bigint;
}

export interface LedgerTotals {
  readonly accounts: number;
  readonly transactions: number;
  /** Of each unit all balances, what the outside has, and what is in transit: 0 together. */
  readonly units: readonly UnitTotals[];
  /** How long ago the oldest decision was made that is not in it; 0 if it has all. */
  readonly lagMilliseconds: number;
  /** Shards that do not answer now, if any: what they have decided last may be missing, and does not count as lag. */
  readonly shardsAway?: readonly number[];
}

export type Readiness =
  | { readonly ready: true; readonly undecided?: readonly UndecidedShard[] }
  | { readonly ready: false; readonly reason: string; readonly advice?: string };

/** A shard of a cluster that decides nothing now, while others do. */
export interface UndecidedShard {
  readonly shard: number;
  /** For a person. */
  readonly reason: string;
  /** What a person is to do, where the cluster has had time to help itself, and has not; with the command, if there is one. */
  readonly advice?: string;
}

/**
 * The interface between the HTTP server and the ledger behind it. The HTTP server does not know which ledger it has:
 * the embedded one or the cluster's.
 *
 * Every method may reject with {@link LedgerUnavailable}, and with nothing else.
 */
export interface Ledger {
  /**
   * Applies a command exactly once. When the promise resolves, the outcome is final and durable. Commands on one
   * account take effect one after the other. Submitting the same id and content again resolves to the first outcome.
   *
   * @param isAborted whether nobody can get the answer any more. The command may then be rejected, with outcome `none`,
   * if it is not decided yet
   */
  submit(command: Command, isAborted?: () => boolean): Promise<Outcome>;
  /**
   * Applies each of them by itself, in their order; a rejection of one is as that of `submit`, and those after it may
   * be applied all the same.
   */
  submitEach(
    commands: readonly Command[],
    isAborted?: () => boolean,
  ): Promise<readonly PromiseSettledResult<Outcome>[]>;
  /**
   * Applies all of the commands or none: the outcomes in their order, or else the first refusal, with which of them it
   * is. Commands that were decided before under their id count as done.
   */
  submitAll(commands: readonly Command[], isAborted?: () => boolean): Promise<AllOrNone>;
  /** `null` if there is none of this id; so do the next ones. They see every outcome that was resolved before. */
  account(id: AccountId): Promise<Account | null>;
  statement(id: AccountId): Promise<Statement | null>;
  entries(id: AccountId, page: EntriesPage): Promise<readonly KeptEntry[] | null>;
  transaction(id: EventId): Promise<KeptTransaction | null>;
  hold(id: EventId): Promise<Hold | null>;
  /** The lists, and what follows, may be a second behind. */
  balanceAt(id: AccountId, time: Micros): Promise<BalanceAt | null>;
  /** In the order of the filter. By another one than that of ids, all of them are looked through for each page. */
  accounts(filter: AccountFilter, page: ListPage): Promise<Listed<Account>>;
  /** Newest first; so are the holds. */
  transactions(filter: TransactionFilter, page: ListPage): Promise<Listed<Transaction>>;
  holds(filter: HoldFilter, page: ListPage): Promise<Listed<Hold>>;
  totals(): Promise<LedgerTotals>;
  readiness(): Readiness;
  /** Completes the commands that were submitted, then closes files and connections. */
  close(): Promise<void>;
}

export type AllOrNone =
  | { readonly type: "done"; readonly outcomes: readonly Outcome[] }
  | {
      readonly type: "refused";
      readonly index: number;
      readonly refused: Refused;
      readonly replayed: boolean;
    };

/** The ledger could not do what was asked, for a reason that is not in the account or the command. */
export class LedgerUnavailable extends Error {
  /**
   * `none`: nothing was changed. `unknown`: the command may or may not have been applied. Sending the same id again
   * answers that, and never applies the command twice.
   */
  readonly outcome: "none" | "unknown";

  constructor(message: string, outcome: "none" | "unknown", options?: ErrorOptions) {
    super(message, options);
    this.name = "LedgerUnavailable";
    this.outcome = outcome;
  }
}
