import { type KnownAccounts, HOT_ACCOUNTS, type KnownAccount } from "./known-accounts.ts";
import type { Operation } from "./history.ts";
import type { Random } from "../plan/random.ts";

/** An operation that a client asks for, with its key. */
export interface ClientRequest {
  readonly operation: Operation;
  /** Null for none, as always for a statement. */
  readonly key: string | null;
}

const KEYED_PERCENT = 50;
/** More than half: balances stay near their limits, where debits are refused. */
const DEBIT_PERCENT = 60;
const HOT_STATEMENT_PERCENT = 75;
/** Some marks contain a letter of two bytes. */
const WIDE_PERCENT = 5;
/** The largest value on an account is its first credit limit divided by this. */
const LIMIT_PART = 4;
/** Of so many first operations of a client every second one opens a cold account. */
const FIRST_OPERATIONS = 20;

/** Generates the operations of one client. Each is new: its mark and its key are unique in the whole run. */
export class OperationGenerator {
  readonly #client: number;
  readonly #run: number;
  readonly #random: Random;
  readonly #accounts: KnownAccounts;
  #count = 0;

  /** @param run a number in all keys of a run, so that they differ from those of other runs; `client` counts from 0 */
  constructor(run: number, client: number, random: Random, accounts: KnownAccounts) {
    this.#run = run;
    this.#client = client;
    this.#random = random;
    this.#accounts = accounts;
  }

  next(): ClientRequest {
    this.#count += 1;
    const operation = this.#operation();
    const keyed = operation.type !== "statement" && this.#random.chance(KEYED_PERCENT);
    return { operation, key: keyed ? `torture-${this.#run}-${this.#client}-${this.#count}` : null };
  }

  #operation(): Operation {
    if (this.#count <= FIRST_OPERATIONS && this.#count % 2 === 0) return this.#open();
    const drawn = this.#random.integer(1, 100);
    if (drawn <= 55) return this.#transact(this.#hot());
    if (drawn <= 70) return this.#transact(this.#cold());
    if (drawn <= 90) return { type: "statement", account: this.#read().account };
    if (drawn <= 94) return this.#open();
    const known = this.#random.chance(50) ? this.#hot() : this.#cold();
    const creditLimit = this.#accounts.limitToChange(this.#random, known);
    return { type: "change-limit", account: known.account, creditLimit };
  }

  #transact({ account, creditLimit }: KnownAccount): Operation {
    const kind = this.#random.chance(DEBIT_PERCENT) ? "debit" : "credit";
    const value = this.#random.integer(1, Math.max(1, Math.floor(creditLimit / LIMIT_PART)));
    return { type: "transact", account, kind, value, description: this.#mark() };
  }

  #open(): Operation {
    const creditLimit = this.#accounts.limitToOpen(this.#random);
    return { type: "open", name: this.#mark(), creditLimit };
  }

  /** At most 10 characters, as many as a description may have: the client's number, the count, the wide letter. */
  #mark(): string {
    const wide = this.#random.chance(WIDE_PERCENT) ? "ç" : "";
    return `${this.#client.toString(36)}-${this.#count.toString(36)}${wide}`;
  }

  #read(): KnownAccount {
    return this.#random.chance(HOT_STATEMENT_PERCENT) ? this.#hot() : this.#cold();
  }

  #hot(): KnownAccount {
    return this.#random.pick(HOT_ACCOUNTS);
  }

  #cold(): KnownAccount {
    const { cold } = this.#accounts;
    return cold.length === 0 ? this.#hot() : this.#random.pick(cold);
  }
}
