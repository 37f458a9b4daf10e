import type { AccountId, AccountState, Micros } from "../../src/ledger/account.ts";
import type { Command } from "../../src/ledger/command.ts";
import type { AllOrNone, Outcome, Result } from "../../src/ledger/ledger.ts";
import type { Hold, Transaction } from "../../src/ledger/transaction.ts";
import { Names } from "./names.ts";
import { No } from "./no.ts";
import { balanceOf, type Book, State } from "./state.ts";

const MONEY_MAX = 9_007_199_254_740_991n;
const DAY: Micros = 24 * 60 * 60 * 1_000_000;
const INITIAL_LIMITS = [100_000, 80_000, 1_000_000, 10_000_000, 500_000];
const WORLD = "@world";

type Move = Transaction["postings"][number];
type Of<Type extends Command["type"]> = Extract<Command, { readonly type: Type }>;

/**
 * What a ledger ought to do, as simply as it can be said: it shares no code with the ledgers, undoes by taking a copy of
 * everything, and knows nothing of files. Ids that the ledger makes have names of its own here.
 */
export class Model {
  readonly names = new Names();
  readonly #isAheadOfClock: boolean;
  #state: State;
  /** The ledger's time, which does not go back while it is open. */
  #now: Micros;
  /** The latest time of what was decided last: where a ledger that is opened again goes on. */
  #latest: Micros;
  #latestInBatch: Micros = 0;

  /**
   * @param now the clock's time when the ledger was created
   * @param openedAt when the accounts that there are at first were opened
   * @param isAheadOfClock whether its time is never behind an entry's, which may be some microseconds after the clock
   */
  constructor(now: Micros, openedAt: Micros, isAheadOfClock: boolean) {
    this.#isAheadOfClock = isAheadOfClock;
    this.#now = now;
    this.#latest = now;
    const books = INITIAL_LIMITS.map((creditLimit, index): Book => ({
      id: String(index + 1),
      unit: "BRL/2",
      name: null,
      metadata: {},
      state: "open",
      openedAt,
      opening: openingOf({ unit: "BRL/2", creditLimit, name: null, metadata: {} }),
      creditLimit,
      entries: [],
    }));
    this.#state = new State({ books, transactions: [], holds: [], keys: new Map() });
  }

  /** As it stands. */
  get state(): State {
    return this.#state;
  }

  /** As the ledger's clock was when it last looked at it. */
  get now(): Micros {
    return this.#now;
  }

  /** The ledger looks at its clock. */
  tick(clock: Micros): void {
    this.#now = Math.max(this.#now, clock, this.#isAheadOfClock ? this.#latest : 0);
    this.#latestInBatch = 0;
    const due = this.#state.holds.filter((hold) => hold.state === "open" && hold.expiresAt <= this.#now);
    for (const hold of due) {
      this.#replaceHold({ ...hold, state: "expired" });
      this.#decidedAt(this.#now);
    }
  }

  /** Opened again, a ledger whose clock is not its own goes on from what it decided last. */
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
    const before = this.#state.copy();
    const [latest, latestInBatch] = [this.#latest, this.#latestInBatch];
    const outcomes: Outcome[] = [];
    for (const [index, command] of commands.entries()) {
      const outcome = this.submit(command);
      if (outcome.type === "refused") {
        const noted = this.#state.keys.get(command.id);
        this.#state = before;
        [this.#latest, this.#latestInBatch] = [latest, latestInBatch];
        const { type: _, replayed, ...refused } = outcome;
        if (!replayed && noted !== undefined && refused.refusal !== "key-reused") {
          this.#state.keys.set(command.id, noted);
          this.#decidedAt(this.#now);
        }
        return { type: "refused", index, refused, replayed };
      }
      outcomes.push(outcome);
    }
    return { type: "done", outcomes };
  }

  #outcome(command: Command, isKeyed: boolean): Outcome {
    // A single posting is refused before it has changed anything.
    const before = command.type === "transact" ? null : this.#state.copy();
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
        return {
          type: "hold",
          hold: released,
          account: this.#state.accountState(this.#book(hold.from, null)),
        };
      }
      case "reversal":
        return this.#reverse(command);
    }
  }

  #transact(command: Of<"transact">): Result {
    const { account, kind, value, description } = command;
    const book = this.#book(account, null);
    if (book.state === "closed") throw new No("account-closed", account);
    if (kind === "debit" && book.state === "frozen") throw new No("account-frozen", account);
    const [from, to] = kind === "credit" ? [WORLD, account] : [account, WORLD];
    const details = { description: description || null, reference: null, metadata: {} };
    const move: Move = { from, to, amount: value };
    const made = this.#make({ postings: [move], ...details, hold: null, reverses: null }, command, null);
    const { creditLimit, balance, seq, time } = this.#state.accountState(book);
    // It is as old as its entry.
    this.#state.transactions.splice(-1, 1, { ...made, time });
    this.#decidedAt(time);
    return { type: "entry", account: { id: account, creditLimit, balance, seq } };
  }

  #open(command: Of<"open">): Result {
    const opening = openingOf(command);
    const known = command.account === null ? null : this.#state.account(command.account);
    if (known !== null) {
      if (this.#state.book(known.id)?.opening !== opening) throw new No("account-exists", known.id);
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
    const used = balanceOf(book) - this.#state.heldOf(account);
    if (creditLimit !== undefined && used < -BigInt(creditLimit)) throw new No("limit-too-low", account);
    const isEmpty = balanceOf(book) === 0n && this.#state.heldOf(account) === 0n;
    if (state === "closed" && !isEmpty) throw new No("account-not-empty", account);
    if (creditLimit !== undefined) book.creditLimit = creditLimit;
    if (state !== undefined) book.state = state;
    if (name !== undefined) book.name = name;
    const merged = Object.entries({ ...book.metadata, ...metadata });
    book.metadata = Object.fromEntries(
      merged.flatMap(([member, value]) => (value === null ? [] : [[member, value]])),
    );
    this.#decidedAt(Math.max(this.#now, this.#state.accountState(book).time));
    return this.#accountResult(account);
  }

  #transaction(command: Of<"transaction">): Result {
    const { postings, conditions, description, reference, metadata, isDryRun } = command;
    for (const [index, posting] of postings.entries()) this.#checkSides(posting, index, false);
    for (const [index, { account, what, least, most }] of conditions.entries()) {
      const { balance, seq } = this.#state.accountState(this.#book(account, index));
      const free = this.#availableOf(account);
      const available = free > MONEY_MAX ? MONEY_MAX : free;
      const value = { balance: BigInt(balance), available, seq: BigInt(seq) }[what];
      if (value < BigInt(least) || value > BigInt(most)) throw new No("condition-failed", account, index);
    }
    const before = this.#state.copy();
    const details = { description, reference, metadata };
    const made = this.#make({ postings, ...details, hold: null, reverses: null }, command, 0);
    const accounts = this.#accountsOf(postings);
    if (isDryRun) this.#state = before;
    else this.#decidedAt(this.#now);
    return { type: "transaction", transaction: isDryRun ? { ...made, id: "" } : made, accounts };
  }

  #hold(command: Of<"hold">): Result {
    const { from, to, amount, expiresInSeconds, description, reference, metadata } = command;
    this.#checkSides({ from, to, amount }, null, false);
    if (this.#availableOf(from) < BigInt(amount)) throw new No("limit-exceeded", from);
    if (this.#state.heldOf(from) + BigInt(amount) > MONEY_MAX) throw new No("balance-out-of-range", from);
    const time = this.#now;
    const hold: Hold = {
      id: this.names.next("h"),
      state: "open",
      from,
      to,
      amount,
      captured: 0,
      transaction: null,
      time,
      expiresAt: time + expiresInSeconds * 1_000_000,
      description,
      reference,
      metadata,
    };
    this.#state.holds.push(hold);
    this.#decidedAt(time);
    return { type: "hold", hold, account: this.#state.accountState(this.#book(from, null)) };
  }

  #capture(command: Of<"capture">): Result {
    const { hold: id, amount, to, parts } = command;
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
    return { type: "hold", hold: ended, account: this.#state.accountState(this.#book(from, null)) };
  }

  #reverse(command: Of<"reversal">): Result {
    const { transaction: of, description, reference, metadata } = command;
    const original = this.#state.transaction(of)?.transaction ?? null;
    if (original === null) throw new No("transaction-unknown", null);
    if (original.reverses !== null) throw new No("not-reversible", null);
    const reversal = this.#state.reversalOf(of);
    if (reversal !== null) throw new No("already-reversed", null, null, reversal.id);
    const turned = original.postings.map(({ from, to, amount }) => ({ from: to, to: from, amount }));
    const postings = turned.toReversed();
    for (const [index, posting] of postings.entries()) this.#checkSides(posting, index, false);
    const asked = { postings, description, reference, metadata, hold: null, reverses: of };
    const transaction = this.#make(asked, command, 0);
    this.#decidedAt(this.#now);
    return { type: "transaction", transaction, accounts: this.#accountsOf(postings) };
  }

  /** Moves the money. @param first the place of the first posting, where places are told */
  #make(asked: Omit<Transaction, "id" | "time">, command: Command, first: number | null): Transaction {
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
          account,
          counterparty,
          kind,
          value: amount,
          balance: Number(after),
          id: command.by === undefined ? command.id : `${command.by}/${command.id}`,
          seq: book.entries.length + 1,
          time: this.#now > last ? this.#now : last + 1,
          description: asked.description ?? "",
          reference: asked.reference,
          transaction: id,
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
    const hold = this.#state.hold(id);
    if (hold === null) throw new No("hold-unknown", null);
    if (hold.state !== "open") throw new No("hold-not-open", null, null, hold.state);
    return hold;
  }

  #replaceHold(hold: Hold): Hold {
    const { holds } = this.#state;
    holds[holds.findIndex(({ id }) => id === hold.id)] = hold;
    return hold;
  }

  #accountResult(id: AccountId): Result {
    const account = this.#state.account(id);
    if (account === null) throw new Error(`no account ${id}`);
    return { type: "account", account, opened: true };
  }

  #accountsOf(postings: readonly Move[]): AccountState[] {
    const ids = new Set(postings.flatMap(({ from, to }) => [from, to]));
    ids.delete(WORLD);
    return Array.from(ids, (id) => this.#state.accountState(this.#book(id, null)));
  }

  #decidedAt(time: Micros): void {
    this.#latestInBatch = Math.max(this.#latestInBatch, time);
    this.#latest = this.#latestInBatch;
  }

  #book(id: AccountId, index: number | null): Book {
    const book = this.#state.book(id);
    if (book === null) throw new No("account-unknown", id, index);
    return book;
  }

  #availableOf(id: AccountId): bigint {
    return this.#state.availableOf(this.#book(id, null));
  }
}

function openingOf({ unit, creditLimit, name, metadata }: Omit<Of<"open">, "type" | "id" | "account">) {
  return text({ unit, creditLimit, name, metadata });
}

function contentOf(command: Command): string {
  return text({ ...command, id: null, by: null });
}

/** Equal for equal contents, in whatever order their members were written. */
function text(content: unknown): string {
  return JSON.stringify(content, (_name, value: unknown) =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
}
