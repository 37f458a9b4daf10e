import type { AccountId, Micros } from "../ledger/account.ts";
import type { Command } from "../ledger/command.ts";
import type {
  AccountFilter,
  AllOrNone,
  EntriesPage,
  HoldFilter,
  Ledger,
  ListPage,
  Outcome,
  TransactionFilter,
} from "../ledger/ledger.ts";
import type { EventId } from "../ledger/transaction.ts";

/** What becomes known of a request while it is answered. */
export interface RequestNotes {
  /** @param command of a group its first one */
  asks(command: Command): void;
  learns(outcome: Outcome | AllOrNone): void;
}

/** The ledger as one traced request sees it: it says which commands are of that request. */
export class TracedLedger implements Ledger {
  readonly #ledger: Ledger;
  readonly #notes: RequestNotes;

  constructor(ledger: Ledger, notes: RequestNotes) {
    this.#ledger = ledger;
    this.#notes = notes;
  }

  async submit(command: Command, isAborted?: () => boolean): Promise<Outcome> {
    this.#notes.asks(command);
    const outcome = await this.#ledger.submit(command, isAborted);
    this.#notes.learns(outcome);
    return outcome;
  }

  submitEach(commands: readonly Command[], isAborted?: () => boolean) {
    for (const command of commands) this.#notes.asks(command);
    return this.#ledger.submitEach(commands, isAborted);
  }

  async submitAll(commands: readonly Command[], isAborted?: () => boolean): Promise<AllOrNone> {
    const [first] = commands;
    if (first !== undefined) this.#notes.asks(first);
    const outcome = await this.#ledger.submitAll(commands, isAborted);
    this.#notes.learns(outcome);
    return outcome;
  }

  account(id: AccountId) {
    return this.#ledger.account(id);
  }

  statement(id: AccountId) {
    return this.#ledger.statement(id);
  }

  entries(id: AccountId, page: EntriesPage) {
    return this.#ledger.entries(id, page);
  }

  transaction(id: EventId) {
    return this.#ledger.transaction(id);
  }

  hold(id: EventId) {
    return this.#ledger.hold(id);
  }

  balanceAt(id: AccountId, time: Micros) {
    return this.#ledger.balanceAt(id, time);
  }

  accounts(filter: AccountFilter, page: ListPage) {
    return this.#ledger.accounts(filter, page);
  }

  transactions(filter: TransactionFilter, page: ListPage) {
    return this.#ledger.transactions(filter, page);
  }

  holds(filter: HoldFilter, page: ListPage) {
    return this.#ledger.holds(filter, page);
  }

  totals() {
    return this.#ledger.totals();
  }

  readiness() {
    return this.#ledger.readiness();
  }

  close() {
    return this.#ledger.close();
  }
}
