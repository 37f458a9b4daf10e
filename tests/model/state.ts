import type { Account, AccountId, AccountState, Metadata, Micros } from "../../src/ledger/account.ts";
import type { Entry, KeptEntry } from "../../src/ledger/entry.ts";
import type {
  BalanceAt,
  EntriesPage,
  KeptTransaction,
  LedgerTotals,
  Outcome,
  Statement,
} from "../../src/ledger/ledger.ts";
import type { Hold, Transaction } from "../../src/ledger/transaction.ts";

/** An account as the model keeps it: what was asked of it, and nothing that can be computed from that. */
export interface Book {
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

interface Kept {
  readonly books: Book[];
  readonly transactions: Transaction[];
  readonly holds: Hold[];
  readonly keys: Map<string, { content: string; outcome: Outcome; since: Micros }>;
}

/** What the model has, in arrays, and every reading of it. Balances are computed anew each time, in BigInt. */
export class State implements Kept {
  readonly books: Book[];
  readonly transactions: Transaction[];
  readonly holds: Hold[];
  readonly keys: Kept["keys"];

  constructor({ books, transactions, holds, keys }: Kept) {
    this.books = books;
    this.transactions = transactions;
    this.holds = holds;
    this.keys = keys;
  }

  /** To go back to. */
  copy(): State {
    const { books, transactions, holds, keys } = this;
    return new State(structuredClone({ books, transactions, holds, keys }));
  }

  /** Of all accounts, in the order of their opening; so are the next ones in the order of their making. */
  get accountIds(): readonly AccountId[] {
    return this.books.map(({ id }) => id);
  }

  get transactionIds(): readonly string[] {
    return this.transactions.map(({ id }) => id);
  }

  get holdIds(): readonly string[] {
    return this.holds.map(({ id }) => id);
  }

  book(id: AccountId): Book | null {
    return this.books.find((book) => book.id === id) ?? null;
  }

  account(id: AccountId): Account | null {
    const book = this.book(id);
    return book === null ? null : { ...this.accountState(book), name: book.name, metadata: book.metadata };
  }

  accountState(book: Book): AccountState {
    const { id, unit, state, creditLimit, openedAt, entries } = book;
    const time = entries.at(-1)?.time ?? openedAt;
    const sums = { balance: Number(balanceOf(book)), held: Number(this.heldOf(id)), seq: entries.length };
    return { id, unit, state, creditLimit, ...sums, time, openedAt };
  }

  heldOf(id: AccountId): bigint {
    const open = this.holds.filter(({ from, state }) => from === id && state === "open");
    return open.reduce((sum, { amount }) => sum + BigInt(amount), 0n);
  }

  availableOf(book: Book): bigint {
    return balanceOf(book) + BigInt(book.creditLimit) - this.heldOf(book.id);
  }

  /** @param now when it is read */
  statement(id: AccountId, now: Micros): Statement | null {
    const account = this.account(id);
    if (account === null) return null;
    const entries = (this.book(id)?.entries ?? []).slice(-10).toReversed();
    return {
      account,
      entries: entries.map(({ counterparty: _c, transaction: _t, reference: _r, ...entry }): Entry => ({
        ...entry,
        description: Array.from(entry.description).slice(0, 10).join(""),
      })),
      readAt: Math.max(now, account.time),
    };
  }

  entries(id: AccountId, page: EntriesPage): readonly KeptEntry[] | null {
    const book = this.book(id);
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
    const book = this.book(id);
    if (book === null) return null;
    const last = book.entries.findLast((entry) => entry.time <= time);
    return { id, unit: book.unit, balance: last?.balance ?? 0, seq: last?.seq ?? 0 };
  }

  transaction(id: string): KeptTransaction | null {
    const transaction = this.transactions.find((one) => one.id === id);
    return transaction === undefined ? null : { transaction, reversedBy: this.reversalOf(id)?.id ?? null };
  }

  reversalOf(id: string): Transaction | null {
    return this.transactions.find(({ reverses }) => reverses === id) ?? null;
  }

  hold(id: string): Hold | null {
    return this.holds.find((one) => one.id === id) ?? null;
  }

  totals(): LedgerTotals {
    const { books, transactions } = this;
    const units = [...new Set(books.map(({ unit }) => unit))].toSorted().map((unit) => {
      const sum = books.filter((book) => book.unit === unit).reduce((all, book) => all + balanceOf(book), 0n);
      return { unit, balances: sum, world: -sum, inTransit: 0n };
    });
    return { accounts: books.length, transactions: transactions.length, units, lagMilliseconds: 0 };
  }
}

export function balanceOf(book: Book): bigint {
  let sum = 0n;
  for (const { kind, value } of book.entries) sum += kind === "credit" ? BigInt(value) : -BigInt(value);
  return sum;
}
