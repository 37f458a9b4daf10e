import { pathOf } from "./check.ts";
import type { CommandOptions, Connection, ReadOptions } from "./connection.ts";
import { List } from "./list.ts";
import type { Sent } from "./outcome.ts";
import type {
  CreatedTransaction,
  DryRun,
  KeptTransaction,
  NewTransaction,
  Reversal,
  Transaction,
  TransactionFilter,
} from "./types.ts";

export class Transactions {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** All of its postings, or none. */
  create(transaction: NewTransaction, options?: CommandOptions): Sent<CreatedTransaction> {
    return this.#connection.command("POST", "/v1/transactions", transaction, options);
  }

  /** What it would be answered now; nothing is changed. */
  dryRun(transaction: NewTransaction, options?: ReadOptions): Promise<DryRun> {
    return this.#connection.dryRun(
      "/v1/transactions",
      { ...transaction, dry_run: true },
      "accounts",
      options,
    );
  }

  get(id: string, options?: ReadOptions): Promise<KeptTransaction> {
    return this.#connection.read(pathOf`/v1/transactions/${id}`, {}, "id", options);
  }

  /** Newest first, from the books: up to a second behind. */
  list(filter: TransactionFilter = {}, options?: ReadOptions): List<Transaction> {
    return new List(this.#connection, "/v1/transactions", { ...filter }, options);
  }

  /** Takes it back, once. */
  reverse(id: string, details: Reversal = {}, options?: CommandOptions): Sent<CreatedTransaction> {
    return this.#connection.command("POST", pathOf`/v1/transactions/${id}/reversal`, details, options);
  }
}
