import type { Micros, AccountId } from "./account.ts";
import { isAccountId } from "./account-id.ts";
import type { CommandId } from "./command.ts";
import type { Entry } from "./entry.ts";
import { isRefusal, type Refusal } from "./refusal.ts";
import { isUnit } from "./unit.ts";

/**
 * What was decided, as one line of text. The Redis function writes events in this form to the outbox, the feed carries
 * them, the journal keeps them, and the rest of the books is made from them. Fields are separated by one space. The last
 * field is the rest of the text, and may contain anything. Integers are decimal.
 *
 *     c <account> <seq> <time> <value> <balance> <limit> <id> <description>    a credit; d: a debit
 *     o <account> <time> <limit> <id> <unit> <name>                            an opened account; name may be empty
 *     l <account> <seq> <time> <balance> <limit> <id>                          a changed limit, for entries after seq
 *     x <time> <refusal> <id> <content>                                        a refusal under a client's key
 *     m <time> <from> <to>                                                     batches that a restore found nowhere
 */
export type LedgerEvent =
  | { readonly type: "entry"; readonly entry: Entry; readonly creditLimit: number }
  | {
      readonly type: "open";
      readonly account: AccountId;
      readonly time: Micros;
      readonly creditLimit: number;
      /** `initial` for the accounts of the start. */
      readonly id: CommandId | typeof INITIAL;
      readonly unit: string;
      readonly name: string | null;
    }
  | {
      readonly type: "limit";
      readonly account: AccountId;
      /** The seq of the latest entry when the limit was changed. */
      readonly seq: number;
      readonly time: Micros;
      readonly balance: number;
      readonly creditLimit: number;
      readonly id: CommandId;
    }
  | {
      /** It changed nothing, but the key is remembered with it. */
      readonly type: "refusal";
      readonly time: Micros;
      readonly refusal: Refusal;
      readonly id: CommandId;
      /** What the command asked for, see `contentOf`. */
      readonly content: string;
    }
  | {
      /** In the journal only: these batches were answered and could not be brought back. */
      readonly type: "missing";
      readonly time: Micros;
      /** The first and the last of them. */
      readonly from: number;
      readonly to: number;
    };

/** In place of a command's id, for the accounts that are there from the start. */
export const INITIAL = "initial";

/** The inverse of {@link parseEvent}: the same text that the Redis function writes. */
export function formatEvent(event: LedgerEvent): string {
  switch (event.type) {
    case "entry": {
      const { account, seq, time, kind, value, balance, description } = event.entry;
      const letter = kind === "credit" ? "c" : "d";
      const { creditLimit } = event;
      // A template is slower, once the text is hashed and put into JSON.
      return [letter, account, seq, time, value, balance, creditLimit, event.entry.id, description].join(" ");
    }
    case "open":
      return ["o", event.account, event.time, event.creditLimit, event.id, event.unit, event.name ?? ""].join(
        " ",
      );
    case "limit": {
      const { account, seq, time, balance, creditLimit } = event;
      return ["l", account, seq, time, balance, creditLimit, event.id].join(" ");
    }
    case "refusal":
      return ["x", event.time, event.refusal, event.id, event.content].join(" ");
    case "missing":
      return ["m", event.time, event.from, event.to].join(" ");
  }
}

/** @throws Error if the text is not an event: it was damaged, or another version wrote it */
export function parseEvent(text: string): LedgerEvent {
  const fields = new Fields(text);
  const letter = fields.text();
  switch (letter) {
    case "c":
    case "d": {
      const account = fields.account();
      const seq = fields.integer();
      const time = fields.integer();
      const value = fields.integer();
      const balance = fields.integer();
      const creditLimit = fields.integer();
      const id = fields.id();
      const kind = letter === "c" ? "credit" : "debit";
      return {
        type: "entry",
        entry: { account, seq, time, kind, value, balance, description: fields.rest(), id },
        creditLimit,
      };
    }
    case "o": {
      const account = fields.account();
      const time = fields.integer();
      const creditLimit = fields.integer();
      const id = fields.idOfOpening();
      const unit = fields.unit();
      return { type: "open", account, time, creditLimit, id, unit, name: fields.rest() || null };
    }
    case "l": {
      const account = fields.account();
      const seq = fields.integer();
      const time = fields.integer();
      const balance = fields.integer();
      const creditLimit = fields.integer();
      return { type: "limit", account, seq, time, balance, creditLimit, id: fields.lastId() };
    }
    case "x": {
      const time = fields.integer();
      const refusal = fields.text();
      if (!isRefusal(refusal)) throw notAnEvent(text);
      const id = fields.id();
      return { type: "refusal", time, refusal, id, content: fields.rest() };
    }
    case "m": {
      const time = fields.integer();
      const from = fields.integer();
      return { type: "missing", time, from, to: fields.lastInteger() };
    }
    default:
      throw notAnEvent(text);
  }
}

/** The event, or `null` if the text is not an event. */
export function parseEventOrNull(text: string): LedgerEvent | null {
  try {
    return parseEvent(text);
  } catch {
    return null;
  }
}

/** When it was decided. */
export function timeOf(event: LedgerEvent): Micros {
  return event.type === "entry" ? event.entry.time : event.time;
}

/**
 * Reads the fields of an event one after the other. Every answer and every kept entry passes through here, so numbers
 * are parsed in place, without making a string for each.
 */
class Fields {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** @throws Error if no space follows: every field but the last ends with one */
  text(): string {
    const end = this.#text.indexOf(" ", this.#at);
    if (end === -1) throw notAnEvent(this.#text);
    const field = this.#text.slice(this.#at, end);
    this.#at = end + 1;
    return field;
  }

  /** @throws Error if the field is not a decimal integer within ±(2^53 - 1) */
  integer(): number {
    const text = this.#text;
    const isNegative = text.charCodeAt(this.#at) === MINUS;
    const first = isNegative ? this.#at + 1 : this.#at;
    let at = first;
    let value = 0;
    for (;;) {
      const digit = text.charCodeAt(at) - ZERO;
      if (!(digit >= 0 && digit <= 9)) break;
      value = value * 10 + digit;
      at += 1;
    }
    if (at === first || text.charCodeAt(at) !== SPACE || !Number.isSafeInteger(value)) throw notAnEvent(text);
    this.#at = at + 1;
    return isNegative ? -value : value;
  }

  /** For an integer that is the last field. */
  lastInteger(): number {
    const value = Number(this.rest());
    if (!Number.isSafeInteger(value) || String(value) !== this.rest()) throw notAnEvent(this.#text);
    return value;
  }

  account(): AccountId {
    const field = this.text();
    if (!isAccountId(field)) throw notAnEvent(this.#text);
    return field;
  }

  unit(): string {
    const field = this.text();
    if (!isUnit(field)) throw notAnEvent(this.#text);
    return field;
  }

  id(): CommandId {
    return this.#asId(this.text());
  }

  idOfOpening(): CommandId | typeof INITIAL {
    const field = this.text();
    return field === INITIAL ? field : this.#asId(field);
  }

  /** For an id that is the last field. */
  lastId(): CommandId {
    return this.#asId(this.rest());
  }

  rest(): string {
    return this.#text.slice(this.#at);
  }

  #asId(field: string): CommandId {
    if (!isCommandId(field)) throw notAnEvent(this.#text);
    return field;
  }
}

const MINUS = 0x2d;
const ZERO = 0x30;
const SPACE = 0x20;

function isCommandId(text: string): text is CommandId {
  return /^(?:key|req):[\x21-\x7e]+$/.test(text);
}

function notAnEvent(text: string): Error {
  return new Error(`not an event of the ledger: ${JSON.stringify(text.slice(0, 100))}`);
}
