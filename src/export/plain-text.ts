import type { JournalSource, KeptRow } from "../events/journal-source.ts";
import { timestamp } from "../http/timestamp.ts";
import { type AccountId, type Micros, type Party, WORLD } from "../ledger/account.ts";
import { type LedgerEvent, parseEvent } from "../ledger/event.ts";
import { type Place, transactionOf } from "../ledger/event-results.ts";
import type { Transaction } from "../ledger/transaction.ts";
import { AccountUnits } from "./account-units.ts";
import { Balances } from "./balances.ts";
import type { ExportFormat } from "./export-format.ts";

/** A line of a transaction in plain text. */
export interface TextPosting {
  readonly account: string;
  readonly amount: number | bigint;
  readonly unit: string;
}

/** How one of the languages of plain text accounting says what the ledger has. */
export interface Dialect {
  readonly head: string;
  readonly openingAccount: string;
  account(id: AccountId): string;
  world(unit: string): string;
  /** What has to stand before a unit is used for the first time; mostly nothing. */
  unit(unit: string): string;
  opened(event: Extract<LedgerEvent, { readonly type: "open" }>): string;
  /** The head of a transaction; `null`: that of the opening balances. */
  title(date: string, transaction: Transaction | null): string;
  posting(posting: TextPosting): string;
}

/**
 * Each transaction with two lines for each of its postings, so that it is balanced whatever it is; one across shards as
 * its decision tells it, wherever the other shards are with it. Of holds nothing is told:
 * no money moves by them. What was before the export is one transaction of opening balances, so that the balances at the
 * end are the ledger's.
 */
export class PlainText implements ExportFormat {
  readonly #dialect: Dialect;
  readonly #units: AccountUnits;
  readonly #before = new Balances();

  constructor(dialect: Dialect, journal: JournalSource) {
    this.#dialect = dialect;
    this.#units = new AccountUnits(journal);
  }

  begin(): string {
    return this.#dialect.head;
  }

  readonly past = async ({ shard, g, events: texts }: KeptRow, count: number): Promise<string> => {
    const events = texts.slice(0, count).map(parseEvent);
    const unitOf = await this.#units.of(events, true);
    let text = "";
    for (const [index, event] of events.entries()) {
      if (event.type === "open") text += this.#opened(event);
      this.#before.add(event, { shard, g, index }, unitOf);
    }
    return text;
  };

  readonly opening = (): Iterable<string> => this.#opening();

  *#opening(): Iterable<string> {
    const { sums, time } = this.#before;
    const { openingAccount } = this.#dialect;
    let isBegun = false;
    for (const [id, { unit, balance: amount }] of this.#before.accounts()) {
      if (amount === 0n) continue;
      if (!isBegun) yield this.#dialect.title(dateOf(time), null);
      isBegun = true;
      yield this.#dialect.posting({ account: this.#dialect.account(id), amount, unit });
    }
    if (!isBegun) return;
    for (const [unit, sum] of sums)
      if (sum !== 0n) yield this.#dialect.posting({ account: openingAccount, amount: -sum, unit });
    yield "\n";
  }

  async row({ shard, g, events: texts }: KeptRow, from: number): Promise<string> {
    const events = texts.map(parseEvent);
    const unitOf = await this.#units.of(events, true);
    let text = "";
    for (const [index, event] of events.entries()) {
      if (index < from) continue;
      if (event.type === "open") text += this.#opened(event);
      text += this.#transaction(event, { shard, g, index }, unitOf);
    }
    return text;
  }

  /** Every account is opened before it is used, so no unit is new later. */
  #opened(event: Extract<LedgerEvent, { readonly type: "open" }>): string {
    return this.#dialect.unit(event.unit) + this.#dialect.opened(event);
  }

  #transaction(event: LedgerEvent, place: Place, unitOf: (account: AccountId) => string): string {
    // Of one across shards its decision has all.
    const transaction = event.type === "finish" ? null : transactionOf(event, place);
    if (transaction === null) return "";
    let text = this.#dialect.title(dateOf(transaction.time), transaction);
    for (const { from, to, amount } of transaction.postings) {
      const unit = unitOf(from === WORLD ? to : from);
      text += this.#dialect.posting({ account: this.#party(from, unit), amount: -amount, unit });
      text += this.#dialect.posting({ account: this.#party(to, unit), amount, unit });
    }
    return `${text}\n`;
  }

  #party(party: Party, unit: string): string {
    return party === WORLD ? this.#dialect.world(unit) : this.#dialect.account(party);
  }
}

/** In UTC. */
export function dateOf(time: Micros): string {
  return timestamp(time).slice(0, "2026-11-26".length);
}
