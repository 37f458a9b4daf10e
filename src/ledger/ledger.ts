import type { Account, Micros, AccountState } from "./account.ts";
import type { Command } from "./command.ts";
import type { Entry } from "./entry.ts";
import type { Refusal } from "./refusal.ts";

/** What became of a command. `replayed`: it had been decided before, under the same id; this is that outcome. */
export type Outcome =
  | { readonly type: "accepted"; readonly account: AccountState; readonly replayed: boolean }
  | { readonly type: "refused"; readonly refusal: Refusal; readonly replayed: boolean };

/** An account and its latest entries, newest first, all of one moment. */
export interface Statement {
  readonly account: Account;
  readonly entries: readonly Entry[];
  readonly readAt: Micros;
}

/** Which part of the history is asked for: `count` entries, the newest with a seq under `before`. */
export interface HistoryPage {
  /** 1 to 100. */
  readonly count: number;
  /** A seq; `null` starts at the newest entry. */
  readonly before: number | null;
}

export type Readiness = { readonly ready: true } | { readonly ready: false; readonly reason: string };

/**
 * The port between the HTTP edge and whatever decides and keeps: nothing above it knows which ledger it has.
 *
 * Every method may reject with {@link LedgerUnavailable}, and with nothing else.
 */
export interface Ledger {
  /**
   * Applies a command once. The outcome is final and durable when the promise resolves; commands of one account
   * take effect one after the other. The same id and content again resolves to the first outcome.
   */
  submit(command: Command): Promise<Outcome>;
  /** `null` where there is no such account, as for the two below. Each shows every outcome resolved before. */
  account(id: number): Promise<Account | null>;
  statement(id: number): Promise<Statement | null>;
  /** Newest first. */
  history(id: number, page: HistoryPage): Promise<readonly Entry[] | null>;
  readiness(): Readiness;
  /** Completes what was submitted, then lets go of everything it holds. */
  close(): Promise<void>;
}

/** The ledger could not do what was asked, for a reason that has nothing to do with the account. */
export class LedgerUnavailable extends Error {
  /**
   * `none`: nothing was changed. `unknown`: the command may or may not have been applied; sending the same id
   * again tells, and never applies it twice.
   */
  readonly outcome: "none" | "unknown";

  constructor(message: string, outcome: "none" | "unknown", options?: ErrorOptions) {
    super(message, options);
    this.name = "LedgerUnavailable";
    this.outcome = outcome;
  }
}
