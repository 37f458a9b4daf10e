import type { Account, AccountId, Micros } from "../../src/ledger/account.ts";
import type { ChangeLimit, Command, Transact } from "../../src/ledger/command.ts";
import type { Entry } from "../../src/ledger/entry.ts";
import type { HistoryPage, Outcome, Statement } from "../../src/ledger/ledger.ts";
import type { Refusal } from "../../src/ledger/refusal.ts";

const MONEY_MAX = 9_007_199_254_740_991n;
const DAY: Micros = 24 * 60 * 60 * 1_000_000;
const INITIAL_LIMITS = [100_000, 80_000, 1_000_000, 10_000_000, 500_000];

/** An account as the model keeps it: what was asked of it, and nothing that can be computed from that. */
interface Book {
  /** `null` until the ledger has told which id it made. */
  id: AccountId | null;
  readonly unit: string;
  readonly name: string | null;
  readonly openedAt: Micros;
  creditLimit: number;
  readonly entries: Entry[];
}

/** An outcome, but for the id of the account. */
export type Expected =
  | { readonly type: "refused"; readonly refusal: Refusal; readonly replayed: boolean }
  | {
      readonly type: "accepted";
      readonly book: Book;
      readonly creditLimit: number;
      readonly balance: number;
      readonly seq: number;
      readonly replayed: boolean;
    };

/**
 * What a ledger ought to do, as simply as it can be said: it shares no code with the ledgers, keeps everything in
 * arrays, computes balances anew from all entries each time, in BigInt, and knows nothing of batches or files. The ledger makes the ids of accounts
 * that are opened: the model learns each from the first answer that has it, and only says that it must be new.
 */
export class Model {
  readonly #books: Book[];
  readonly #keys = new Map<string, { content: string; outcome: Expected; since: Micros }>();

  /** @param now the clock's time when the ledger was created */
  constructor(now: Micros) {
    this.#books = INITIAL_LIMITS.map((creditLimit, index) => ({
      id: String(index + 1),
      unit: "BRL/2",
      name: null,
      openedAt: now,
      creditLimit,
      entries: [],
    }));
  }

  /** Of all accounts, as far as they are told. */
  get ids(): readonly AccountId[] {
    return this.#books.flatMap(({ id }) => id ?? []);
  }

  /** The id of the `number`th account that was opened; one that no account has, if it is not told or not opened. */
  idOf(number: number): AccountId {
    return this.#books[number - 1]?.id ?? String(number);
  }

  /**
   * The outcome in full.
   *
   * @param actual the ledger's, which tells the id of an account that was opened
   * @throws Error if that id is none, or not a new one
   */
  told(expected: Expected, actual: Outcome | undefined): Outcome {
    if (expected.type === "refused") return expected;
    const { book, replayed, creditLimit, balance: after, seq } = expected;
    if (book.id === null && actual?.type === "accepted") {
      const { id } = actual.account;
      if (!/^[\w.:{}-]{1,64}$/.test(id) || /^[\d.]+$/.test(id)) throw new Error(`not an account's id: ${id}`);
      if (this.#book(id) !== null) throw new Error(`two accounts have the id ${id}`);
      book.id = id;
    }
    return {
      type: "accepted",
      account: { id: book.id ?? "not told", creditLimit, balance: after, seq },
      replayed,
    };
  }

  submit(command: Command, now: Micros): Expected {
    if (command.id.startsWith("req:")) return this.#decide(command, now);
    const { id, ...content } = command;
    const known = this.#keys.get(id);
    if (known !== undefined && now < known.since + DAY) {
      if (known.content === text(content)) return { ...known.outcome, replayed: true };
      return refused("key-reused");
    }
    const outcome = this.#decide(command, now);
    this.#keys.set(id, { content: text(content), outcome, since: now });
    return outcome;
  }

  account(id: AccountId): Account | null {
    const book = this.#book(id);
    if (book === null) return null;
    return {
      id,
      unit: book.unit,
      name: book.name,
      state: "open",
      creditLimit: book.creditLimit,
      balance: Number(balance(book)),
      held: 0,
      seq: book.entries.length,
      time: book.entries.at(-1)?.time ?? book.openedAt,
      openedAt: book.openedAt,
    };
  }

  statement(id: AccountId, now: Micros): Statement | null {
    const account = this.account(id);
    if (account === null) return null;
    const entries = this.history(id, { count: 10, before: null }) ?? [];
    return { account, entries, readAt: Math.max(now, account.time) };
  }

  history(id: AccountId, { count, before }: HistoryPage): readonly Entry[] | null {
    const book = this.#book(id);
    if (book === null) return null;
    return book.entries
      .filter((entry) => before === null || entry.seq < before)
      .toReversed()
      .slice(0, count);
  }

  #decide(command: Command, now: Micros): Expected {
    if (command.type === "open") {
      const { unit, name, creditLimit } = command;
      const book: Book = { id: null, unit, name, openedAt: now, creditLimit, entries: [] };
      this.#books.push(book);
      return accepted(book);
    }
    const book = this.#book(command.account);
    if (book === null) return refused("account-unknown");
    return command.type === "transact"
      ? this.#transact(book, command, now)
      : this.#changeLimit(book, command);
  }

  #transact(book: Book, command: Transact, now: Micros): Expected {
    const { account, kind, value, description, id } = command;
    const after = balance(book) + (kind === "credit" ? BigInt(value) : -BigInt(value));
    if (kind === "debit" && after < -BigInt(book.creditLimit)) return refused("limit-exceeded");
    if (after > MONEY_MAX) return refused("balance-out-of-range");
    const latest = book.entries.at(-1)?.time ?? book.openedAt;
    const time = now > latest ? now : latest + 1;
    const seq = book.entries.length + 1;
    book.entries.push({ account, seq, kind, value, balance: Number(after), description, id, time });
    return accepted(book);
  }

  #changeLimit(book: Book, command: ChangeLimit): Expected {
    if (balance(book) < -BigInt(command.creditLimit)) return refused("limit-too-low");
    book.creditLimit = command.creditLimit;
    return accepted(book);
  }

  #book(id: AccountId): Book | null {
    return this.#books.find((book) => book.id === id) ?? null;
  }
}

function balance(book: Book): bigint {
  let sum = 0n;
  for (const { kind, value } of book.entries) sum += kind === "credit" ? BigInt(value) : -BigInt(value);
  return sum;
}

function accepted(book: Book): Expected {
  const { creditLimit, entries } = book;
  const seq = entries.length;
  return { type: "accepted", book, creditLimit, balance: Number(balance(book)), seq, replayed: false };
}

function refused(refusal: Refusal): Expected {
  return { type: "refused", refusal, replayed: false };
}

/** Equal for equal contents, in whatever order their members were written. */
function text(content: object): string {
  return JSON.stringify(Object.entries(content).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
