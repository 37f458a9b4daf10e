import { Accounts } from "./accounts.ts";
import { Batches } from "./batches.ts";
import { type ClientOptions, Connection, type ReadOptions } from "./connection.ts";
import { Events } from "./events.ts";
import { Holds } from "./holds.ts";
import type { Sent, Unsettled } from "./outcome.ts";
import { Transactions } from "./transactions.ts";
import type { DecidedHold, Totals } from "./types.ts";
import { Watches } from "./watches.ts";
import { Webhooks } from "./webhooks.ts";
import { type Captured, type ResultOf, type Used, withHold, type WithHoldOptions } from "./with-hold.ts";

/**
 * A client of a Razonete ledger. Every command gets its idempotency key before its first attempt, and is sent again
 * until its outcome is known or the deadline has passed: it is applied once.
 */
export class Razonete {
  readonly accounts: Accounts;
  readonly transactions: Transactions;
  readonly holds: Holds;
  readonly batches: Batches;
  readonly events: Events;
  readonly webhooks: Webhooks;
  readonly watches: Watches;
  readonly #connection: Connection;

  /** @throws TypeError, RangeError where an option cannot be */
  constructor(options: ClientOptions) {
    this.#connection = new Connection(options);
    this.accounts = new Accounts(this.#connection);
    this.transactions = new Transactions(this.#connection);
    this.holds = new Holds(this.#connection);
    this.batches = new Batches(this.#connection);
    this.events = new Events(this.#connection);
    this.webhooks = new Webhooks(this.#connection);
    this.watches = new Watches(this.#connection);
  }

  /** The trial balance: for each unit all balances and the outside, together 0. */
  totals(options?: ReadOptions): Promise<Totals> {
    return this.#connection.read("/v1/ledger", {}, "units", options);
  }

  /**
   * Finds out what became of a command whose outcome was unknown, by sending it again with its key: it is never applied
   * twice. Within 24 hours of its first attempt, or what the ledger's IDEMPOTENCY_HOURS says.
   */
  settle<T>(request: Unsettled<T>, options?: ReadOptions): Sent<T> {
    return this.#connection.settle(request, options);
  }

  /**
   * Holds the amount, runs the work, and captures what the work returns; releases the hold where the work throws. See
   * {@link withHold}.
   */
  withHold<Work extends Used>(
    account: string,
    amount: number,
    work: (hold: DecidedHold, signal: AbortSignal | undefined) => Work | Promise<Work>,
    options?: WithHoldOptions,
  ): Promise<Captured<ResultOf<Work>>> {
    return withHold(this.holds, account, amount, work, options);
  }
}

export type { Accounts } from "./accounts.ts";
export type { BatchResult } from "./batch-result.ts";
export type { Batches, BatchResults } from "./batches.ts";
export type { ClientOptions, CommandOptions, ReadOptions } from "./connection.ts";
export type { EventFilter, EventQuery, Events, StreamOptions } from "./events.ts";
export type { Holds } from "./holds.ts";
export type { List, Page } from "./list.ts";
export {
  CursorGoneError,
  type Done,
  type NotDone,
  NotDoneError,
  type Outcome,
  RazoneteError,
  type Refused,
  RefusedError,
  type Sent,
  type Unknown,
  UnknownError,
  type Unsettled,
} from "./outcome.ts";
export type { ProblemName } from "./problem.ts";
export type { Transactions } from "./transactions.ts";
export type * from "./types.ts";
export { verifyWebhook, WebhookError, type WebhookHeaders } from "./verify-webhook.ts";
export type { Watches } from "./watches.ts";
export type { Webhooks } from "./webhooks.ts";
export { type Captured, HoldError, type ResultOf, type Used, type WithHoldOptions } from "./with-hold.ts";
