import { pathOf } from "./check.ts";
import type { CommandOptions, Connection, ReadOptions } from "./connection.ts";
import { List } from "./list.ts";
import type { Sent } from "./outcome.ts";
import type {
  Account,
  AccountChange,
  AccountFilter,
  BalanceAt,
  Entry,
  EntryFilter,
  NewAccount,
} from "./types.ts";

export class Accounts {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Opens an account; the same id with the same content again is the account as it stands. */
  open(account: NewAccount, options?: CommandOptions): Sent<Account> {
    return this.#connection.command("POST", "/v1/accounts", account, options);
  }

  get(id: string, options?: ReadOptions): Promise<Account> {
    return this.#connection.read(pathOf`/v1/accounts/${id}`, {}, "id", options);
  }

  /** By id, from the books: up to a second behind. */
  list({ metadata = {}, ...filter }: AccountFilter = {}, options?: ReadOptions): List<Account> {
    const texts = Object.entries(metadata).map(([name, text]) => [`metadata.${name}`, text]);
    return new List(this.#connection, "/v1/accounts", { ...filter, ...Object.fromEntries(texts) }, options);
  }

  /** The limit, name, metadata or state. */
  change(id: string, change: AccountChange, options?: CommandOptions): Sent<Account> {
    return this.#connection.command("PATCH", pathOf`/v1/accounts/${id}`, change, options);
  }

  /** Newest first, or in the `order` "asc". */
  entries(id: string, filter: EntryFilter = {}, options?: ReadOptions): List<Entry> {
    return new List(this.#connection, pathOf`/v1/accounts/${id}/entries`, { ...filter }, options);
  }

  /** @param at left out: now */
  balance(id: string, at?: Date | string, options?: ReadOptions): Promise<BalanceAt> {
    return this.#connection.read(pathOf`/v1/accounts/${id}/balance`, { at }, "id", options);
  }
}
