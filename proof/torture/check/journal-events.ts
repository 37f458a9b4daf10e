import type { AccountStatus, Posting } from "../clients/history.ts";

/** The events of the journal, read as docs/data.md tells them, by nothing of the ledger. */

/** An account as it is after an event. Amounts are in the smallest part of its unit, times in microseconds. */
export interface AccountRow {
  readonly id: string;
  readonly creditLimit: number;
  readonly balance: number;
  readonly held: number;
  readonly seq: number;
  readonly time: number;
  readonly unit: string;
  readonly state: AccountStatus;
  readonly openedAt: number;
}

/** With seq and balance of either side after it; 0 for the outside. */
export interface Move extends Posting {
  readonly fromSeq: number;
  readonly fromBalance: number;
  readonly toSeq: number;
  readonly toBalance: number;
}

/** Of a transaction across shards: the try of it that was decided, and on which other shards it has parts. */
export interface Across {
  readonly attempt: string;
  readonly shards: readonly number[];
}

/** What a part of such a transaction sets aside on an account, and frees there once it ends. */
export interface Side {
  /** Of what is held. */
  readonly outgoing: number;
  /** Room for what comes in. */
  readonly incoming: number;
  /** 1: nothing else may change the account; else 0. */
  readonly locks: number;
}

interface Details {
  readonly description: string | null;
  readonly reference: string | null;
  readonly name: string | null;
  readonly reverses: string | null;
  readonly across: Across | null;
}

/** `id`: that of the command, as it is written, see `commandIn`; of the accounts of the start `initial`. */
export type Event =
  | {
      readonly type: "entry";
      readonly kind: "credit" | "debit";
      readonly account: string;
      readonly seq: number;
      readonly time: number;
      readonly value: number;
      readonly balance: number;
      readonly creditLimit: number;
      readonly id: string;
      readonly description: string;
    }
  | {
      readonly type: "open";
      readonly time: number;
      readonly account: AccountRow;
      readonly id: string;
      readonly details: Details;
    }
  | {
      readonly type: "change";
      readonly time: number;
      readonly account: AccountRow;
      readonly id: string;
      readonly details: Details;
    }
  | {
      readonly type: "transaction";
      readonly time: number;
      readonly moves: readonly Move[];
      readonly accounts: readonly AccountRow[];
      readonly id: string;
      readonly details: Details;
    }
  | {
      readonly type: "hold";
      readonly time: number;
      readonly to: string;
      readonly amount: number;
      readonly expiresAt: number;
      readonly account: AccountRow;
      readonly id: string;
      readonly details: Details;
    }
  | {
      readonly type: "capture";
      readonly time: number;
      readonly hold: string;
      readonly moves: readonly Move[];
      readonly accounts: readonly AccountRow[];
      readonly id: string;
      readonly details: Details;
    }
  | {
      readonly type: "release";
      readonly time: number;
      readonly hold: string;
      readonly account: AccountRow;
      readonly id: string;
    }
  | { readonly type: "expiry"; readonly time: number; readonly hold: string; readonly account: AccountRow }
  /** Of a transaction across shards the part on one of them, but for its home, is prepared; */
  | {
      readonly type: "part";
      readonly time: number;
      readonly attempt: string;
      readonly moves: readonly Move[];
      readonly accounts: readonly AccountRow[];
      /** Of the account in the same place. */
      readonly sides: readonly Side[];
      readonly id: string;
      readonly details: Details;
    }
  /** and is finished, as its home has decided it; */
  | {
      readonly type: "finish";
      readonly time: number;
      readonly attempt: string;
      readonly transaction: string;
      readonly decidedAt: number;
      /** Null where it captures none. */
      readonly hold: string | null;
      readonly moves: readonly Move[];
      readonly accounts: readonly AccountRow[];
      readonly sides: readonly Side[];
      readonly id: string;
      readonly details: Details;
    }
  /** or undone. */
  | {
      readonly type: "undo";
      readonly time: number;
      readonly attempt: string;
      readonly accounts: readonly AccountRow[];
      readonly sides: readonly Side[];
    }
  | { readonly type: "refusal"; readonly time: number; readonly refusal: KeptRefusal; readonly id: string }
  | { readonly type: "missing" };

export interface RefusalText {
  readonly problem: string;
  readonly account: string | null;
  readonly index: number | null;
  readonly other: string | null;
}

/** `command`: where an atomic batch was refused under its key, which of its commands was; else null. */
export interface KeptRefusal extends RefusalText {
  readonly command: number | null;
}

/** The id of a command, and the name of the access key that it is behind; null for none. */
export function commandIn(written: string): { readonly id: string; readonly by: string | null } {
  const [, by, id] = /^([^:/]+)\/(.*)$/.exec(written) ?? [];
  return by === undefined || id === undefined ? { id: written, by: null } : { id, by };
}

/** @throws Error if the text is none */
export function readEvent(text: string): Event {
  const words = new Words(text);
  const letter = words.next();
  switch (letter) {
    case "c":
    case "d": {
      const kind = letter === "c" ? "credit" : "debit";
      const [account, seq, time] = [words.next(), words.number(), words.number()];
      const [value, balance, creditLimit] = [words.number(), words.number(), words.number()];
      const id = words.next();
      return {
        type: "entry",
        kind,
        account,
        seq,
        time,
        value,
        balance,
        creditLimit,
        id,
        description: words.rest(),
      };
    }
    case "o": {
      const [account, time, creditLimit, id] = [words.next(), words.number(), words.number(), words.next()];
      words.next();
      const unit = words.next();
      const money = { creditLimit, balance: 0, held: 0, seq: 0 };
      const row = { id: account, ...money, time, unit, state: "open", openedAt: time } as const;
      return { type: "open", time, account: row, id, details: words.details() };
    }
    case "a": {
      const [account, time] = [words.next(), words.number()];
      return {
        type: "change",
        time,
        account: words.row(account),
        id: words.idAndContent(),
        details: words.details(),
      };
    }
    case "t": {
      const time = words.number();
      return {
        type: "transaction",
        time,
        ...words.moves(),
        id: words.idAndContent(),
        details: words.details(),
      };
    }
    case "h": {
      const [time, to, amount, expiresAt] = [words.number(), words.next(), words.number(), words.number()];
      const account = words.row(words.next());
      const id = words.idAndContent();
      return { type: "hold", time, to, amount, expiresAt, account, id, details: words.details() };
    }
    case "p": {
      const [time, hold] = [words.number(), words.next()];
      return {
        type: "capture",
        time,
        hold,
        ...words.moves(),
        id: words.idAndContent(),
        details: words.details(),
      };
    }
    case "r": {
      const [time, hold] = [words.number(), words.next()];
      return { type: "release", time, hold, account: words.row(words.next()), id: words.idAndContent() };
    }
    case "e": {
      const [time, hold] = [words.number(), words.next()];
      return { type: "expiry", time, hold, account: words.row(words.next()) };
    }
    case "q": {
      const [time, attempt] = [words.number(), words.next()];
      const moved = words.movesWithSides();
      return { type: "part", time, attempt, ...moved, id: words.next(), details: words.details() };
    }
    case "f": {
      const [time, attempt, transaction] = [words.number(), words.next(), words.next()];
      const [decidedAt, hold] = [words.number(), words.next()];
      const decided = { transaction, decidedAt, hold: hold === "-" ? null : hold };
      const moved = words.movesWithSides();
      return {
        type: "finish",
        time,
        attempt,
        ...decided,
        ...moved,
        id: words.next(),
        details: words.details(),
      };
    }
    case "u": {
      const [time, attempt] = [words.number(), words.next()];
      const { accounts, sides } = words.movesWithSides();
      return { type: "undo", time, attempt, accounts, sides };
    }
    case "x": {
      const time = words.number();
      return { type: "refusal", time, refusal: refusalOf(words.next()), id: words.next() };
    }
    case "m":
      return { type: "missing" };
    default:
      throw new Error(`The journal has what is no event: ${text.slice(0, 200)}`);
  }
}

/** As the API names it. */
const PROBLEMS = new Map([
  ["account-unknown", "account-not-found"],
  ["hold-unknown", "hold-not-found"],
  ["transaction-unknown", "transaction-not-found"],
]);

function refusalOf(text: string): KeptRefusal {
  const [name = "", account = "", index = "", other = "", command = ""] = text.split("/");
  return {
    problem: PROBLEMS.get(name) ?? name,
    account: account || null,
    index: index === "" ? null : Number(index),
    other: other || null,
    command: command === "" ? null : Number(command),
  };
}

class Words {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  next(): string {
    const from = this.#at;
    const space = this.#text.indexOf(" ", from);
    const to = space === -1 ? this.#text.length : space;
    this.#at = to + 1;
    return this.#text.slice(from, to);
  }

  number(): number {
    const value = Number(this.next());
    if (!Number.isInteger(value))
      throw new Error(`The journal has an event with an odd number: ${this.#text}`);
    return value;
  }

  rest(): string {
    return this.#text.slice(this.#at);
  }

  idAndContent(): string {
    const id = this.next();
    this.next();
    return id;
  }

  row(id: string): AccountRow {
    const [creditLimit, balance, held] = [this.number(), this.number(), this.number()];
    const [seq, time, unit] = [this.number(), this.number(), this.next()];
    const state = this.next();
    if (state !== "open" && state !== "frozen" && state !== "closed")
      throw new Error(`The journal has an account with an odd state: ${this.#text}`);
    return { id, creditLimit, balance, held, seq, time, unit, state, openedAt: this.number() };
  }

  moves(): { readonly moves: Move[]; readonly accounts: AccountRow[] } {
    const [count, accounts] = [this.number(), this.number()];
    const moves = Array.from({ length: count }, (): Move => {
      const [from, to, amount] = [this.next(), this.next(), this.number()];
      const [fromSeq, fromBalance] = [this.number(), this.number()];
      return { from, to, amount, fromSeq, fromBalance, toSeq: this.number(), toBalance: this.number() };
    });
    return { moves, accounts: Array.from({ length: accounts }, () => this.row(this.next())) };
  }

  movesWithSides(): ReturnType<Words["moves"]> & { readonly sides: Side[] } {
    const { moves, accounts } = this.moves();
    const sides = accounts.map(() => ({
      outgoing: this.number(),
      incoming: this.number(),
      locks: this.number(),
    }));
    return { moves, accounts, sides };
  }

  details(): Details {
    const text = this.rest();
    const details: Partial<Details> = text === "" ? {} : JSON.parse(text);
    const { description = null, reference = null, name = null, reverses = null, across = null } = details;
    return { description, reference, name, reverses, across };
  }
}
