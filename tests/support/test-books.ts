import { z } from "zod";
import type { BooksFence, BooksReader, KeptEntries } from "../../src/decide/ports.ts";
import { compareRanks, rankOf } from "../../src/ledger/account-order.ts";
import {
  type Account,
  type AccountId,
  CONTEST_UNIT,
  INITIAL_CREDIT_LIMITS,
  type Micros,
  WORLD,
} from "../../src/ledger/account.ts";
import type { KeptEntry } from "../../src/ledger/entry.ts";
import { type LedgerEvent, parseEvent } from "../../src/ledger/event.ts";
import { endedHold, entriesOf, holdOf, transactionOf } from "../../src/ledger/event-results.ts";
import type {
  AccountFilter,
  BalanceAt,
  EntriesPage,
  HoldFilter,
  Listed,
  ListPage,
  TransactionFilter,
} from "../../src/ledger/ledger.ts";
import { isOwnAccount, isOwnHold, isOwnTransaction } from "../../src/ledger/own-accounts.ts";
import type { EventId, Hold, Transaction } from "../../src/ledger/transaction.ts";
import type { AttemptId, PartEvent } from "../../src/ledger/transit.ts";

/** Books in memory that a test can send away, or set to what it likes; {@link keep} does what the writer does. */
export class TestBooks implements BooksReader {
  away = false;
  epoch = "test";
  loaded = true;
  isRestoring = false;
  shards: number;
  lastG: number[];
  seenG: number[];
  /** Razonete init has run. */
  initialized = true;
  asked = 0;
  /** What is wrong with their server's settings. */
  fault: string | null = null;
  readonly #redis: (args: readonly string[]) => Promise<unknown>;
  #kept = new KeptEvents();

  constructor(shards: number, redis: (args: readonly string[]) => Promise<unknown>) {
    this.shards = shards;
    this.lastG = Array.from({ length: shards }, () => 0);
    this.seenG = [...this.lastG];
    this.#redis = redis;
  }

  forget(): void {
    this.lastG = this.lastG.map(() => 0);
    this.seenG = [...this.lastG];
    this.#kept = new KeptEvents();
  }

  async fence(): Promise<BooksFence | null> {
    this.asked += 1;
    if (this.away) throw new Error("the books are away");
    if (!this.initialized) return null;
    const { epoch, loaded, isRestoring, shards } = this;
    return { epoch, loaded, isRestoring, shards, lastG: [...this.lastG], seenG: [...this.seenG] };
  }

  async hasEvent(shard: number, g: number, event: string): Promise<boolean> {
    return this.#answering().texts(shard, g)?.includes(event) ?? false;
  }

  async settingsFault(): Promise<string | null> {
    if (this.away) throw new Error("the books are away");
    return this.fault;
  }

  async noteSeen(epoch: string, shard: number, g: number): Promise<void> {
    if (this.away) throw new Error("the books are away");
    if (epoch === this.epoch) this.seenG[shard] = Math.max(g, this.seenG[shard] ?? 0);
  }

  async entries(account: AccountId, page: EntriesPage): Promise<KeptEntries> {
    return this.#answering().entries(account, page);
  }

  async batch(shard: number, g: number): Promise<readonly LedgerEvent[] | null> {
    return this.#answering().texts(shard, g)?.map(parseEvent) ?? null;
  }

  async endOfPart(shard: number, attempt: AttemptId): Promise<PartEvent | null> {
    this.#answering();
    const ends = this.events(shard)
      .map(parseEvent)
      .filter((event) => event.type === "finish" || event.type === "undo");
    return ends.findLast((event) => event.attempt === attempt) ?? null;
  }

  async hold(id: EventId): Promise<Hold | null> {
    return this.#answering().holds.get(id) ?? null;
  }

  async reversalOf(id: EventId): Promise<EventId | null> {
    return this.#answering().transactions.find(({ reverses }) => reverses === id)?.id ?? null;
  }

  async balanceAt(account: AccountId, time: Micros): Promise<BalanceAt | null> {
    return this.#answering().balanceAt(account, time);
  }

  async accounts(filter: AccountFilter, page: ListPage): Promise<Listed<Account>> {
    return this.#answering().listAccounts(filter, page);
  }

  async transactions(filter: TransactionFilter, page: ListPage): Promise<Listed<Transaction>> {
    return this.#answering().listTransactions(filter, page);
  }

  async holds(filter: HoldFilter, page: ListPage): Promise<Listed<Hold>> {
    return this.#answering().listHolds(filter, page);
  }

  async totals() {
    return { ...this.#answering().totals(), lastG: [...this.lastG] };
  }

  /** Does to the books what keeping this batch would: for what happened in a past that Redis has forgotten. */
  add(shard: number, g: number, events: readonly string[]): void {
    this.#kept.add(shard, g, events);
  }

  /** Those of the batches that it has kept. */
  events(shard: number): readonly string[] {
    return Array.from(
      { length: this.lastG[shard] ?? 0 },
      (_, index) => this.#kept.texts(shard, index + 1) ?? [],
    ).flat();
  }

  #answering(): KeptEvents {
    if (this.away) throw new Error("the books are away");
    return this.#kept;
  }

  /** Keeps up to `batches` batches of a shard, then trims them from the outbox. */
  async keep(shard: number, batches: number): Promise<void> {
    const outbox = `razonete:{${shard}}:outbox`;
    const from = `${(this.lastG[shard] ?? 0) + 1}-0`;
    const reply = batchesReply.parse(
      await this.#redis(["XRANGE", outbox, from, "+", "COUNT", String(batches)]),
    );
    for (const [id, fields] of reply) {
      const g = Number(id.split("-")[0]);
      const events = fields.filter((_, index) => index % 2 === 1);
      this.#kept.add(shard, g, events);
      this.lastG[shard] = g;
    }
    await this.#redis(["XTRIM", outbox, "MINID", String((this.lastG[shard] ?? 0) + 1)]);
  }
}

const batchesReply = z.array(z.tuple([z.string(), z.array(z.string())]));

/** What follows from events, in memory and without haste: for books that a test can do with what it likes. */
class KeptEvents {
  readonly transactions: Transaction[] = [];
  readonly holds = new Map<EventId, Hold>();
  readonly #entries: KeptEntry[] = [];
  readonly #accounts = new Map<AccountId, Account>();
  readonly #texts = new Map<string, readonly string[]>();

  constructor() {
    for (const [index, creditLimit] of INITIAL_CREDIT_LIMITS.entries())
      this.#open(String(index + 1), { creditLimit, unit: CONTEST_UNIT, name: null, metadata: {}, time: 0 });
  }

  add(shard: number, g: number, events: readonly string[]): void {
    this.#texts.set(`${shard}.${g}`, events);
    for (const [index, text] of events.entries()) {
      const event = parseEvent(text);
      const place = { shard, g, index };
      this.#take(event);
      if (event.type === "hold") this.#setHold(holdOf(event, place));
      if (event.type === "capture" || event.type === "release" || event.type === "expiry") {
        const hold = this.holds.get(event.hold);
        if (hold !== undefined) this.#setHold(endedHold(hold, event, place));
      }
      // One across shards is listed where it was decided.
      const transaction = event.type === "finish" ? null : transactionOf(event, place);
      if (transaction !== null) this.transactions.push(transaction);
      this.#entries.push(...entriesOf(event, place));
    }
  }

  texts(shard: number, g: number): readonly string[] | null {
    return this.#texts.get(`${shard}.${g}`) ?? null;
  }

  entries(account: AccountId, page: EntriesPage) {
    const all = this.#entriesOf(account);
    const wanted = all.filter(
      ({ seq, time }) =>
        seq >= (page.from ?? 0) &&
        seq < (page.before ?? Number.POSITIVE_INFINITY) &&
        time >= (page.fromTime ?? 0) &&
        time < (page.beforeTime ?? Number.POSITIVE_INFINITY),
    );
    const ordered = page.order === "asc" ? wanted : wanted.toReversed();
    return { keptSeq: all.at(-1)?.seq ?? 0, entries: ordered.slice(0, page.count) };
  }

  balanceAt(id: AccountId, time: Micros): BalanceAt | null {
    const account = this.#accounts.get(id);
    if (account === undefined) return null;
    const { balance, seq } = this.#entriesOf(id).findLast((entry) => entry.time <= time) ?? {
      balance: 0,
      seq: 0,
    };
    return { id, unit: account.unit, balance, seq };
  }

  listAccounts(filter: AccountFilter, page: ListPage): Listed<Account> {
    const { unit, state, name, metadata, balanceLessThan, balanceGreaterThan } = filter;
    const wanted = [...this.#accounts.values()].filter(
      (account) =>
        isOwnAccount(filter.idBeginning, account.id) &&
        (unit === null || account.unit === unit) &&
        (state === null || account.state === state) &&
        (name === null || (account.name?.startsWith(name) ?? false)) &&
        Object.entries(metadata).every(([member, text]) => account.metadata[member] === text) &&
        (balanceLessThan === null || account.balance < balanceLessThan) &&
        (balanceGreaterThan === null || account.balance > balanceGreaterThan),
    );
    return pageOf(
      wanted.toSorted((a, b) => compareRanks(rankOf(filter.order, a), rankOf(filter.order, b))),
      page,
    );
  }

  listTransactions(filter: TransactionFilter, page: ListPage): Listed<Transaction> {
    const { reference, account, fromTime, beforeTime } = filter;
    const wanted = this.transactions.filter(
      ({ time, postings, ...transaction }) =>
        isOwnTransaction(filter.idBeginning, { postings }) &&
        (reference === null || transaction.reference === reference) &&
        (account === null || postings.some(({ from, to }) => from === account || to === account)) &&
        time >= (fromTime ?? 0) &&
        time < (beforeTime ?? Number.POSITIVE_INFINITY),
    );
    return pageOf(newestFirst(wanted), page);
  }

  listHolds({ idBeginning, account, state }: HoldFilter, page: ListPage): Listed<Hold> {
    const wanted = [...this.holds.values()].filter(
      (hold) =>
        isOwnHold(idBeginning, hold) &&
        (account === null || hold.from === account) &&
        (state === null || hold.state === state),
    );
    return pageOf(newestFirst(wanted), page);
  }

  totals() {
    const accounts = [...this.#accounts.values()];
    const units = [...new Set(accounts.map(({ unit }) => unit))].toSorted().map((unit) => ({
      unit,
      balances: accounts
        .filter((account) => account.unit === unit)
        .reduce((sum, { balance }) => sum + BigInt(balance), 0n),
      world: this.#entries
        .filter(
          ({ account, counterparty }) => counterparty === WORLD && this.#accounts.get(account)?.unit === unit,
        )
        .reduce((sum, { kind, value }) => sum + (kind === "credit" ? -BigInt(value) : BigInt(value)), 0n),
      inTransit: this.#entries
        .filter(
          ({ account, counterparty }) => counterparty !== WORLD && this.#accounts.get(account)?.unit === unit,
        )
        .reduce((sum, { kind, value }) => sum + (kind === "credit" ? -BigInt(value) : BigInt(value)), 0n),
    }));
    const { size } = this.#accounts;
    return { accounts: size, transactions: this.transactions.length, units };
  }

  #entriesOf(account: AccountId): KeptEntry[] {
    return this.#entries.filter((entry) => entry.account === account);
  }

  #setHold(hold: Hold): void {
    this.holds.set(hold.id, hold);
  }

  #open(
    id: AccountId,
    { time, ...account }: Pick<Account, "creditLimit" | "unit" | "name" | "metadata" | "time">,
  ): void {
    const row = { balance: 0, held: 0, seq: 0, time, state: "open", openedAt: time } as const;
    this.#accounts.set(id, { id, ...account, ...row });
  }

  #take(event: LedgerEvent): void {
    switch (event.type) {
      case "entry": {
        const { account: id, balance, seq, time } = event.entry;
        const account = this.#accounts.get(id);
        const { creditLimit } = event;
        if (account !== undefined) this.#accounts.set(id, { ...account, balance, seq, time, creditLimit });
        return;
      }
      case "open":
        this.#open(event.account, {
          creditLimit: event.creditLimit,
          unit: event.unit,
          name: event.name,
          metadata: event.metadata,
          time: event.time,
        });
        return;
      case "change": {
        const { account, name, metadata } = event;
        this.#accounts.set(account.id, { ...account, name, metadata });
        return;
      }
      case "transaction":
      case "capture":
      case "part":
      case "finish":
      case "undo":
        for (const account of event.accounts) this.#update(account);
        return;
      case "hold":
      case "release":
      case "expiry":
        this.#update(event.account);
        return;
      case "refusal":
      case "missing":
    }
  }

  #update(state: Omit<Account, "name" | "metadata">): void {
    const account = this.#accounts.get(state.id);
    if (account !== undefined) this.#accounts.set(state.id, { ...account, ...state });
  }
}

/** Shards are kept one after the other. One shard alone has an order of its own, in which times may stand still. */
function newestFirst<Item extends { readonly id: EventId; readonly time: Micros }>(
  items: readonly Item[],
): Item[] {
  const latestFirst = items.toReversed();
  const shards = new Set(items.map(({ id }) => id.split("-")[0]));
  return shards.size < 2 ? latestFirst : latestFirst.toSorted((a, b) => b.time - a.time);
}

/** Keys are how many have come before. */
function pageOf<Item>(items: readonly Item[], { count, after }: ListPage): Listed<Item> {
  const end = Number(after ?? 0) + count;
  return { items: items.slice(end - count, end), next: end < items.length ? String(end) : null };
}
