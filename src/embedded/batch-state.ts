import type { Account, AccountId, Micros } from "../ledger/account.ts";
import { openingHash } from "../ledger/content-hash.ts";
import type { CommandEvent, LedgerEvent } from "../ledger/event.ts";
import { type Place, transactionOf } from "../ledger/event-results.ts";
import type { Outcome } from "../ledger/ledger.ts";
import { placeOfEvent } from "../ledger/event-id.ts";
import type { EventId, Hold, Transaction } from "../ledger/transaction.ts";
import { SHARD, type TableReader } from "./read-tables.ts";

/** What was decided so far. What is in the maps is never changed, only replaced. */
interface Decided {
  readonly accounts: Map<AccountId, Account>;
  readonly holds: Map<EventId, Hold>;
  /** Transactions that were taken back, each with the one that did. */
  readonly reversals: Map<EventId, EventId>;
  /** Under clients' keys. */
  readonly outcomes: Map<string, { readonly event: CommandEvent; readonly outcome: Outcome }>;
}

/** What a batch can be taken back to. */
export interface Savepoint {
  readonly decided: Decided;
  readonly events: number;
}

/** The ledger as a batch sees it: what it has decided so far, over what is committed. */
export class BatchState {
  readonly now: Micros;
  /** The number of the batch in the journal. */
  readonly g: number;
  readonly events: LedgerEvent[] = [];
  /** Accounts as they stood before, of those that were asked for. */
  readonly before = new Map<AccountId, Account>();
  readonly #read: TableReader;
  readonly #committed: ReadonlyMap<AccountId, Account>;
  #decided: Decided = { accounts: new Map(), holds: new Map(), reversals: new Map(), outcomes: new Map() };

  constructor(read: TableReader, committed: ReadonlyMap<AccountId, Account>, now: Micros, g: number) {
    this.#read = read;
    this.#committed = committed;
    this.now = now;
    this.g = g;
  }

  /** What was decided, to add to it. */
  get decided(): Decided {
    return this.#decided;
  }

  /** Where the next event will stand. */
  get place(): Place {
    return { shard: SHARD, g: this.g, index: this.events.length };
  }

  savepoint(): Savepoint {
    const { accounts, holds, reversals, outcomes } = this.#decided;
    const decided = {
      accounts: new Map(accounts),
      holds: new Map(holds),
      reversals: new Map(reversals),
      outcomes: new Map(outcomes),
    };
    return { decided, events: this.events.length };
  }

  rollBack(to: Savepoint): void {
    this.#decided = to.decided;
    this.events.length = to.events;
  }

  account(id: AccountId): Account | null {
    const known = this.#decided.accounts.get(id) ?? this.before.get(id);
    if (known !== undefined) return known;
    const account = this.#committed.get(id) ?? this.#read.account(id);
    if (account !== null) this.before.set(id, account);
    return account;
  }

  /** A copy for the rules, which change it: an account that is committed, or in an outcome, stays as it is. */
  copy(id: AccountId): Account | null {
    const account = this.account(id);
    return account === null ? null : { ...account };
  }

  /** Copies of those that there are, in this order. */
  copies(ids: ReadonlySet<AccountId>): Map<AccountId, Account> {
    const copies = new Map<AccountId, Account>();
    for (const id of ids) {
      const account = this.copy(id);
      if (account !== null) copies.set(id, account);
    }
    return copies;
  }

  take(accounts: ReadonlyMap<AccountId, Account>): void {
    for (const [id, account] of accounts) this.#decided.accounts.set(id, account);
  }

  /** The hash of what an account was opened with. */
  opening(id: AccountId): string | null {
    const opening = this.#read.opening(id);
    if (opening !== null) return opening;
    const opened = this.events.find((event) => event.type === "open" && event.account === id);
    return opened?.type === "open" ? openingHash(opened) : null;
  }

  hold(id: EventId): Hold | null {
    return this.#decided.holds.get(id) ?? this.#read.hold(id);
  }

  transaction(id: EventId): Transaction | null {
    const place = placeOfEvent("t", id);
    if (place?.shard !== SHARD || place.g !== this.g) return this.#read.transaction(id);
    const event = this.events[place.index];
    const transaction = event === undefined ? null : transactionOf(event, place);
    return transaction?.id === id ? transaction : null;
  }

  /** The id of the transaction that took this one back. */
  reversal(id: EventId): EventId | null {
    return this.#decided.reversals.get(id) ?? this.#read.reversal(id);
  }
}
