import type { Account, AccountId, AccountState, Metadata, Micros } from "../../src/ledger/account.ts";
import type { Command } from "../../src/ledger/command.ts";
import type { Entry, KeptEntry } from "../../src/ledger/entry.ts";
import type {
  AllOrNone,
  BalanceAt,
  EntriesPage,
  KeptTransaction,
  LedgerTotals,
  Outcome,
  Result,
  Statement,
} from "../../src/ledger/ledger.ts";
import type { Refusal } from "../../src/ledger/refusal.ts";
import type { Hold, Transaction } from "../../src/ledger/transaction.ts";
import { Names } from "./names.ts";

const MONEY_MAX = 9_007_199_254_740_991n;
const DAY: Micros = 24 * 60 * 60 * 1_000_000;
const INITIAL_LIMITS = [100_000, 80_000, 1_000_000, 10_000_000, 500_000];
const WORLD = "@world";

/** An account as the model keeps it: what was asked of it, and nothing that can be computed from that. */
interface Book {
  readonly id: AccountId;
  readonly unit: string;
  readonly openedAt: Micros;
  /** What it was opened with. */
  readonly opening: string;
  name: string | null;
  metadata: Metadata;
  state: "open" | "frozen" | "closed";
  creditLimit: number;
  readonly entries: KeptEntry[];
}

/** What a group of commands that is refused leaves as it was. */
interface State {
  readonly books: Book[];
  readonly transactions: Transaction[];
  readonly holds: Hold[];
  readonly keys: Map<string, { content: string; outcome: Outcome; since: Micros }>;
}

type Move = Transaction["postings"][number];
type Of<Type extends Command["type"]> = Extract<Command, { readonly type: Type }>;

/** Thrown where a command is refused. */
class No extends Error {
  readonly refused: Extract<Outcome, { readonly type: "refused" }>;

  constructor(
    refusal: Refusal,
    account: AccountId | null,
    index: number | null = null,
    other: string | null = null,
  ) {
    super(refusal);
    this.refused = { type: "refused", refusal, account, index, other, replayed: false };
  }
}

/**
 * What a ledger ought to do, as simply as it can be said: it shares no code with the ledgers, keeps everything in
 * arrays, computes balances anew from all entries each time, in BigInt, undoes by taking a copy of everything, and knows
 * nothing of files. Ids that the ledger makes have names of its own here.
 */
export class Model {
  readonly names = new Names();
  #state: State;
  /** The ledger's time, which does not go back while it is open. */
  #now: Micros;
  /** The latest time of what was decided last: where a ledger that is opened again goes on. */
  #latest: Micros;
  #latestInBatch: Micros = 0;

  /** @param now the clock's time when the ledger was created */
  constructor(now: Micros) {
    this.#now = now;
    this.#latest = now;
    const books = INITIAL_LIMITS.map((creditLimit, index): Book => ({
      id: String(index + 1),
      unit: "BRL/2",
      name: null,
      metadata: {},
      state: "open",
      openedAt: now,
      opening: openingOf({ unit: "BRL/2", creditLimit, name: null, metadata: {} }),
      creditLimit,
      entries: [],
    }));
    this.#state = { books, transactions: [], holds: [], keys: new Map() };
  }

  /** Of all accounts, in the order of their opening; so are the next ones in the order of their making. */
  get ids(): readonly AccountId[] {
    return this.#state.books.map(({ id }) => id);
  }

  get transactionIds(): readonly string[] {
    return this.#state.transactions.map(({ id }) => id);
  }

  get holdIds(): readonly string[] {
    return this.#state.holds.map(({ id }) => id);
  }

  /** The ledger looks at its clock. */
  tick(clock: Micros): void {
    this.#now = Math.max(this.#now, clock);
    this.#latestInBatch = 0;
    const due = this.#state.holds.filter((hold) => hold.state === "open" && hold.expiresAt <= this.#now);
    for (const hold of due) {
      this.#replaceHold({ ...hold, state: "expired" });
      this.#decidedAt(this.#now);
    }
  }

  reopen(): void {
    this.#now = this.#latest;
  }

  submit(command: Command): Outcome {
    if (command.id.startsWith("req:") || (command.type === "transaction" && command.isDryRun)) {
      return this.#outcome(command, false);
    }
    const content = contentOf(command);
    const known = this.#state.keys.get(command.id);
    if (known !== undefined && this.#now < known.since + DAY) {
      return known.content === content
        ? { ...known.outcome, replayed: true }
        : new No("key-reused", null).refused;
    }
    const outcome = this.#outcome(command, true);
    this.#state.keys.set(command.id, { content, outcome, since: this.#now });
    return outcome;
  }

  submitAll(commands: readonly Command[]): AllOrNone {
    const before = structuredClone(this.#state);
    const outcomes: Outcome[] = [];
    for (const [index, command] of commands.entries()) {
      const outcome = this.submit(command);
      if (outcome.type === "refused") {
        const noted = this.#state.keys.get(command.id);
        this.#state = before;
        const { type: _, replayed, ...refused } = outcome;
        if (!replayed && noted !== undefined && refused.refusal !== "key-reused")
          this.#state.keys.set(command.id, noted);
        return { type: "refused", index, refused, replayed };
      }
      outcomes.push(outcome);
    }
    return { type: "done", outcomes };
  }

  account(id: AccountId): Account | null {
    const book = this.#find(id);
    return book === null ? null : { ...this.#stateOf(book), name: book.name, metadata: book.metadata };
  }

  statement(id: AccountId): Statement | null {
    const account = this.account(id);
    if (account === null) return null;
    const entries = (this.#find(id)?.entries ?? []).slice(-10).toReversed();
    return {
      account,
      entries: entries.map(({ counterparty: _c, transaction: _t, reference: _r, ...entry }): Entry => ({
        ...entry,
        description: [...entry.description].slice(0, 10).join(""),
      })),
      readAt: Math.max(this.#now, account.time),
    };
  }

  entries(id: AccountId, page: EntriesPage): readonly KeptEntry[] | null {
    const book = this.#find(id);
    if (book === null) return null;
    const { from, before, fromTime, beforeTime } = page;
    const asked = book.entries.filter(
      ({ seq, time }) =>
        (from === null || seq >= from) &&
        (before === null || seq < before) &&
        (fromTime === null || time >= fromTime) &&
        (beforeTime === null || time < beforeTime),
    );
    return (page.order === "asc" ? asked : asked.toReversed()).slice(0, page.count);
  }

  balanceAt(id: AccountId, time: Micros): BalanceAt | null {
    const book = this.#find(id);
    if (book === null) return null;
    const last = book.entries.findLast((entry) => entry.time <= time);
    return { id, unit: book.unit, balance: last?.balance ?? 0, seq: last?.seq ?? 0 };
  }

  transaction(id: string): KeptTransaction | null {
    const transaction = this.#state.transactions.find((one) => one.id === id);
    return transaction === undefined ? null : { transaction, reversedBy: this.#reversalOf(id)?.id ?? null };
  }

  hold(id: string): Hold | null {
    return this.#state.holds.find((one) => one.id === id) ?? null;
  }

  totals(): LedgerTotals {
    const { books, transactions } = this.#state;
    const units = [...new Set(books.map(({ unit }) => unit))].toSorted().map((unit) => {
      const sum = books.filter((book) => book.unit === unit).reduce((all, book) => all + balanceOf(book), 0n);
      return { unit, balances: sum, world: -sum };
    });
    return { accounts: books.length, transactions: transactions.length, units, lagMilliseconds: 0 };
  }

  #outcome(command: Command, isKeyed: boolean): Outcome {
    // A single posting is refused before it has changed anything.
    const before = command.type === "transact" ? null : structuredClone(this.#state);
    try {
      const result = this.#decide(command);
      return { type: "accepted", result, replayed: false };
    } catch (error) {
      if (!(error instanceof No)) throw error;
      if (before !== null) this.#state = before;
      if (isKeyed) this.#decidedAt(this.#now);
      return error.refused;
    }
  }

  #decide(command: Command): Result {
    switch (command.type) {
      case "transact":
        return this.#transact(command);
      case "open":
        return this.#open(command);
      case "change":
        return this.#change(command);
      case "transaction":
        return this.#transaction(command);
      case "hold":
        return this.#hold(command);
      case "capture":
        return this.#capture(command);
      case "release": {
        const hold = this.#openHold(command.hold);
        const released = this.#replaceHold({ ...hold, state: "released" });
        this.#decidedAt(this.#now);
        return { type: "hold", hold: released, account: this.#stateOf(this.#book(hold.from, null)) };
      }
      case "reversal":
        return this.#reverse(command);
    }
  }

  #transact({ account, kind, value, description, id }: Of<"transact">): Result {
    const book = this.#book(account, null);
    if (book.state === "closed") throw new No("account-closed", account);
    if (kind === "debit" && book.state === "frozen") throw new No("account-frozen", account);
    const [from, to] = kind === "credit" ? [WORLD, account] : [account, WORLD];
    const details = { description: description || null, reference: null, metadata: {} };
    const move: Move = { from, to, amount: value };
    const made = this.#make({ postings: [move], ...details, hold: null, reverses: null }, id, null);
    const { creditLimit, balance, seq, time } = this.#stateOf(book);
    // It is as old as its entry.
    this.#state.transactions.splice(-1, 1, { ...made, time });
    this.#decidedAt(time);
    return { type: "entry", account: { id: account, creditLimit, balance, seq } };
  }

  #open(command: Of<"open">): Result {
    const opening = openingOf(command);
    const known = command.account === null ? null : this.account(command.account);
    if (known !== null) {
      if (this.#find(known.id)?.opening !== opening) throw new No("account-exists", known.id);
      // Nothing changes, but a key is noted with it.
      if (!command.id.startsWith("req:")) this.#decidedAt(Math.max(this.#now, known.time));
      return { type: "account", account: known, opened: false };
    }
    const { unit, name, metadata, creditLimit } = command;
    const id = command.account ?? this.names.next("a");
    const what = { id, unit, name, metadata, creditLimit, opening, openedAt: this.#now };
    this.#state.books.push({ ...what, state: "open", entries: [] });
    this.#decidedAt(this.#now);
    return this.#accountResult(id);
  }

  #change({ account, creditLimit, state, name, metadata = {} }: Of<"change">): Result {
    const book = this.#book(account, null);
    if (book.state === "closed") throw new No("account-closed", account);
    const used = balanceOf(book) - this.#heldOf(account);
    if (creditLimit !== undefined && used < -BigInt(creditLimit)) throw new No("limit-too-low", account);
    const isEmpty = balanceOf(book) === 0n && this.#heldOf(account) === 0n;
    if (state === "closed" && !isEmpty) throw new No("account-not-empty", account);
    if (creditLimit !== undefined) book.creditLimit = creditLimit;
    if (state !== undefined) book.state = state;
    if (name !== undefined) book.name = name;
    const merged = Object.entries({ ...book.metadata, ...metadata });
    book.metadata = Object.fromEntries(
      merged.flatMap(([member, text]) => (text === null ? [] : [[member, text]])),
    );
    this.#decidedAt(Math.max(this.#now, this.#stateOf(book).time));
    return this.#accountResult(account);
  }

  #transaction(command: Of<"transaction">): Result {
    const { postings, conditions, description, reference, metadata, id, isDryRun } = command;
    for (const [index, posting] of postings.entries()) this.#checkSides(posting, index, false);
    for (const [index, { account, what, least, most }] of conditions.entries()) {
      const { balance, seq } = this.#stateOf(this.#book(account, index));
      const free = this.#availableOf(account);
      const available = free > MONEY_MAX ? MONEY_MAX : free;
      const value = { balance: BigInt(balance), available, seq: BigInt(seq) }[what];
      if (value < BigInt(least) || value > BigInt(most)) throw new No("condition-failed", account, index);
    }
    const before = structuredClone(this.#state);
    const details = { description, reference, metadata };
    const made = this.#make({ postings, ...details, hold: null, reverses: null }, id, 0);
    const accounts = this.#accountsOf(postings);
    if (isDryRun) this.#state = before;
    else this.#decidedAt(this.#now);
    return { type: "transaction", transaction: isDryRun ? { ...made, id: "" } : made, accounts };
  }

  #hold(command: Of<"hold">): Result {
    const { from, to, amount, expiresInSeconds, description, reference, metadata } = command;
    this.#checkSides({ from, to, amount }, null, false);
    if (this.#availableOf(from) < BigInt(amount)) throw new No("limit-exceeded", from);
    if (this.#heldOf(from) + BigInt(amount) > MONEY_MAX) throw new No("balance-out-of-range", from);
    const time = this.#now;
    const hold: Hold = {
      ...{ id: this.names.next("h"), state: "open", from, to, amount, captured: 0, transaction: null, time },
      ...{ expiresAt: time + expiresInSeconds * 1_000_000, description, reference, metadata },
    };
    this.#state.holds.push(hold);
    this.#decidedAt(time);
    return { type: "hold", hold, account: this.#stateOf(this.#book(from, null)) };
  }

  #capture({ hold: id, amount, to, parts, id: command }: Of<"capture">): Result {
    const hold = this.#openHold(id);
    const { from, description, reference, metadata } = hold;
    const whole = [{ to: to ?? hold.to, amount: amount ?? hold.amount }];
    const postings = (parts ?? whole).filter((part) => part.amount !== 0).map((part) => ({ from, ...part }));
    for (const [index, posting] of postings.entries()) this.#checkSides(posting, index, true);
    // Free from here on: what is not used, and what is used goes out at once.
    this.#replaceHold({ ...hold, state: "captured" });
    const asked = { postings, description, reference, metadata, hold: id, reverses: null };
    const transaction = postings.length === 0 ? null : this.#make(asked, command, 0).id;
    const captured = postings.reduce((sum, posting) => sum + posting.amount, 0);
    const ended = this.#replaceHold({ ...hold, state: "captured", captured, transaction });
    this.#decidedAt(this.#now);
    return { type: "hold", hold: ended, account: this.#stateOf(this.#book(from, null)) };
  }

  #reverse({ transaction: of, id, description, reference, metadata }: Of<"reversal">): Result {
    const original = this.transaction(of)?.transaction ?? null;
    if (original === null) throw new No("transaction-unknown", null);
    if (original.reverses !== null) throw new No("not-reversible", null);
    const reversal = this.#reversalOf(of);
    if (reversal !== undefined) throw new No("already-reversed", null, null, reversal.id);
    const turned = original.postings.map(({ from, to, amount }) => ({ from: to, to: from, amount }));
    const postings = turned.toReversed();
    for (const [index, posting] of postings.entries()) this.#checkSides(posting, index, false);
    const asked = { postings, description, reference, metadata, hold: null, reverses: of };
    const transaction = this.#make(asked, id, 0);
    this.#decidedAt(this.#now);
    return { type: "transaction", transaction, accounts: this.#accountsOf(postings) };
  }

  /** Moves the money. @param first the place of the first posting, where places are told */
  #make(asked: Omit<Transaction, "id" | "time">, command: string, first: number | null): Transaction {
    const id = this.names.next("t");
    for (const [at, { from, to, amount }] of asked.postings.entries()) {
      const index = first === null ? null : first + at;
      if (from !== WORLD && this.#availableOf(from) < BigInt(amount))
        throw new No("limit-exceeded", from, index);
      const room = to === WORLD ? MONEY_MAX : MONEY_MAX - balanceOf(this.#book(to, index));
      if (BigInt(amount) > room) throw new No("balance-out-of-range", to, index);
      const sides = [
        { account: from, counterparty: to, kind: "debit" },
        { account: to, counterparty: from, kind: "credit" },
      ] as const;
      for (const { account, counterparty, kind } of sides) {
        if (account === WORLD) continue;
        const book = this.#book(account, index);
        const last = book.entries.at(-1)?.time ?? book.openedAt;
        const after = balanceOf(book) + (kind === "credit" ? BigInt(amount) : -BigInt(amount));
        book.entries.push({
          ...{ account, counterparty, kind, value: amount, balance: Number(after), id: command },
          ...{ seq: book.entries.length + 1, time: this.#now > last ? this.#now : last + 1 },
          ...{ description: asked.description ?? "", reference: asked.reference, transaction: id },
        });
      }
    }
    const made = { ...asked, id, time: this.#now };
    this.#state.transactions.push(made);
    return made;
  }

  #checkSides({ from, to }: Move, index: number | null, frozenMayPay: boolean): void {
    const sides = [from, to].filter((side) => side !== WORLD).map((side) => this.#book(side, index));
    for (const { id, state } of sides) if (state === "closed") throw new No("account-closed", id, index);
    const payer = from === WORLD ? null : this.#book(from, index);
    if (payer?.state === "frozen" && !frozenMayPay) throw new No("account-frozen", from, index);
    if (new Set(sides.map(({ unit }) => unit)).size > 1) throw new No("unit-mismatch", to, index);
  }

  #openHold(id: string): Hold {
    const hold = this.hold(id);
    if (hold === null) throw new No("hold-unknown", null);
    if (hold.state !== "open") throw new No("hold-not-open", null, null, hold.state);
    return hold;
  }

  #replaceHold(hold: Hold): Hold {
    const { holds } = this.#state;
    holds[holds.findIndex(({ id }) => id === hold.id)] = hold;
    return hold;
  }

  #reversalOf(id: string): Transaction | undefined {
    return this.#state.transactions.find(({ reverses }) => reverses === id);
  }

  #heldOf(id: AccountId): bigint {
    const open = this.#state.holds.filter(({ from, state }) => from === id && state === "open");
    return open.reduce((sum, { amount }) => sum + BigInt(amount), 0n);
  }

  #availableOf(id: AccountId): bigint {
    const book = this.#book(id, null);
    return balanceOf(book) + BigInt(book.creditLimit) - this.#heldOf(id);
  }

  #accountResult(id: AccountId): Result {
    const account = this.account(id);
    if (account === null) throw new Error(`no account ${id}`);
    return { type: "account", account, opened: true };
  }

  #accountsOf(postings: readonly Move[]): AccountState[] {
    const ids = new Set(postings.flatMap(({ from, to }) => [from, to]));
    ids.delete(WORLD);
    return Array.from(ids, (id) => this.#stateOf(this.#book(id, null)));
  }

  #stateOf(book: Book): AccountState {
    const { id, unit, state, creditLimit, openedAt, entries } = book;
    const time = entries.at(-1)?.time ?? openedAt;
    const sums = { balance: Number(balanceOf(book)), held: Number(this.#heldOf(id)), seq: entries.length };
    return { id, unit, state, creditLimit, ...sums, time, openedAt };
  }

  #decidedAt(time: Micros): void {
    this.#latestInBatch = Math.max(this.#latestInBatch, time);
    this.#latest = this.#latestInBatch;
  }

  #book(id: AccountId, index: number | null): Book {
    const book = this.#find(id);
    if (book === null) throw new No("account-unknown", id, index);
    return book;
  }

  #find(id: AccountId): Book | null {
    return this.#state.books.find((book) => book.id === id) ?? null;
  }
}

function balanceOf(book: Book): bigint {
  let sum = 0n;
  for (const { kind, value } of book.entries) sum += kind === "credit" ? BigInt(value) : -BigInt(value);
  return sum;
}

function openingOf({ unit, creditLimit, name, metadata }: Omit<Of<"open">, "type" | "id" | "account">) {
  return text({ unit, creditLimit, name, metadata });
}

function contentOf({ id: _, ...content }: Command): string {
  return text(content);
}

/** Equal for equal contents, in whatever order their members were written. */
function text(content: unknown): string {
  return JSON.stringify(content, (_, value: unknown) =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
}
