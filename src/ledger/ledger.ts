import type { Account, Micros, AccountState, AccountId } from "./account.ts";
import type { Command } from "./command.ts";
import type { Entry } from "./entry.ts";
import type { Refusal } from "./refusal.ts";

/** The result of a command. `replayed`: the command was decided before, under the same id, and this is that outcome. */
export type Outcome =
  | { readonly type: "accepted"; readonly account: AccountState; readonly replayed: boolean }
  | { readonly type: "refused"; readonly refusal: Refusal; readonly replayed: boolean };

/** An account and its latest entries, newest first, all read at the same point in time. */
export interface Statement {
  readonly account: Account;
  readonly entries: readonly Entry[];
  readonly readAt: Micros;
}

/** A page of the history: the newest `count` entries with a seq below `before`. */
export interface HistoryPage {
  /** 1 to 100. */
  readonly count: number;
  /** A seq; `null` starts at the newest entry. */
  readonly before: number | null;
}

export type Readiness = { readonly ready: true } | { readonly ready: false; readonly reason: string };

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
  /** `null` if there is no such account; so do the next two. All three see every outcome that was resolved before. */
  account(id: AccountId): Promise<Account | null>;
  statement(id: AccountId): Promise<Statement | null>;
  /** Newest first. */
  history(id: AccountId, page: HistoryPage): Promise<readonly Entry[] | null>;
  readiness(): Readiness;
  /** Completes the commands that were submitted, then closes files and connections. */
  close(): Promise<void>;
}

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
