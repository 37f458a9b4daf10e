import type { Account, Micros } from "../../src/ledger/account.ts";
import type { ChangeLimit, Command, Transact } from "../../src/ledger/command.ts";
import type { Entry } from "../../src/ledger/entry.ts";
import type { HistoryPage, Outcome, Statement } from "../../src/ledger/ledger.ts";
import type { Refusal } from "../../src/ledger/refusal.ts";

const MONEY_MAX = 9_007_199_254_740_991n;
const DAY: Micros = 24 * 60 * 60 * 1_000_000;
const INITIAL_LIMITS = [100_000, 80_000, 1_000_000, 10_000_000, 500_000];

/** An account as the model keeps it: what was asked of it, and nothing that can be computed from that. */
interface Book {
  readonly name: string | null;
  readonly openedAt: Micros;
  creditLimit: number;
  readonly entries: Entry[];
}

/**
 * What a ledger ought to do, as simply as it can be said: it shares no code with the ledgers, keeps everything in
 * arrays, computes balances anew from all entries each time, in BigInt, and knows nothing of batches or files.
 */
export class Model {
  readonly #books: Book[];
  readonly #keys = new Map<string, { content: string; outcome: Outcome; since: Micros }>();

  /** @param now the clock's time when the ledger was created */
  constructor(now: Micros) {
    this.#books = INITIAL_LIMITS.map((creditLimit) => ({
      name: null,
      openedAt: now,
      creditLimit,
      entries: [],
    }));
  }

  get accounts(): number {
    return this.#books.length;
  }

  submit(command: Command, now: Micros): Outcome {
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

  account(id: number): Account | null {
    const book = this.#book(id);
    if (book === null) return null;
    return {
      id,
      name: book.name,
      creditLimit: book.creditLimit,
      balance: Number(balance(book)),
      seq: book.entries.length,
      time: book.entries.at(-1)?.time ?? book.openedAt,
    };
  }

  statement(id: number, now: Micros): Statement | null {
    const account = this.account(id);
    if (account === null) return null;
    const entries = this.history(id, { count: 10, before: null }) ?? [];
    return { account, entries, readAt: Math.max(now, account.time) };
  }

  history(id: number, { count, before }: HistoryPage): readonly Entry[] | null {
    const book = this.#book(id);
    if (book === null) return null;
    return book.entries
      .filter((entry) => before === null || entry.seq < before)
      .toReversed()
      .slice(0, count);
  }

  #decide(command: Command, now: Micros): Outcome {
    if (command.type === "open") {
      const { name, creditLimit } = command;
      this.#books.push({ name, openedAt: now, creditLimit, entries: [] });
      return this.#accepted(this.#books.length);
    }
    const book = this.#book(command.account);
    if (book === null) return refused("account-unknown");
    return command.type === "transact"
      ? this.#transact(book, command, now)
      : this.#changeLimit(book, command);
  }

  #transact(book: Book, command: Transact, now: Micros): Outcome {
    const { account, kind, value, description, id } = command;
    const after = balance(book) + (kind === "credit" ? BigInt(value) : -BigInt(value));
    if (kind === "debit" && after < -BigInt(book.creditLimit)) return refused("limit-exceeded");
    if (after > MONEY_MAX) return refused("balance-out-of-range");
    const latest = book.entries.at(-1)?.time ?? book.openedAt;
    const time = now > latest ? now : latest + 1;
    const seq = book.entries.length + 1;
    book.entries.push({ account, seq, kind, value, balance: Number(after), description, id, time });
    return this.#accepted(account);
  }

  #changeLimit(book: Book, command: ChangeLimit): Outcome {
    if (balance(book) < -BigInt(command.creditLimit)) return refused("limit-too-low");
    book.creditLimit = command.creditLimit;
    return this.#accepted(command.account);
  }

  #accepted(id: number): Outcome {
    const account = this.account(id);
    if (account === null) throw new Error(`the model lost account ${id}`);
    return { type: "accepted", account, replayed: false };
  }

  #book(id: number): Book | null {
    return this.#books[id - 1] ?? null;
  }
}

function balance(book: Book): bigint {
  let sum = 0n;
  for (const { kind, value } of book.entries) sum += kind === "credit" ? BigInt(value) : -BigInt(value);
  return sum;
}

function refused(refusal: Refusal): Outcome {
  return { type: "refused", refusal, replayed: false };
}

/** Equal for equal contents, in whatever order their members were written. */
function text(content: object): string {
  return JSON.stringify(Object.entries(content).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
