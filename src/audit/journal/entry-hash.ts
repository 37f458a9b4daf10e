import type { TextHash } from "./text-hash.ts";

const CREDIT = 0x63;
const DEBIT = 0x64;
const SPACE = 0x20;
const ZERO = 0x30;
const MINUS = 0x2d;
const TWO_TO_32 = 2 ** 32;
const FIELDS = 8;

/**
 * The hash of an entry, made of its fields, and the same for a row of the books as for an event: PostgreSQL sends the
 * row's numbers as they are and the hashes of its texts, which costs it a third of what making the event's text does.
 */
export class EntryHash {
  readonly #hash: TextHash;
  readonly #fields = new DataView(new ArrayBuffer(8 * FIELDS));
  #at = 0;
  /** Of the event that was read last: the hash of the account's id, the seq, and the hash of the entry. */
  account = 0;
  seq = 0;
  hash = 0;

  constructor(hash: TextHash) {
    this.#hash = hash;
  }

  /**
   * SQL for the columns of `entries AS e` that {@link ofRow} takes. The value has its sign; it is 0 if no entry can have
   * it.
   */
  get columns(): string[] {
    return [
      this.#hash.inSql("e.account"),
      "e.seq",
      "e.time",
      "CASE WHEN e.value <= 0 THEN 0 WHEN e.kind = 'credit' THEN e.value WHEN e.kind = 'debit' THEN -e.value ELSE 0 END",
      "e.balance",
      "e.credit_limit",
      this.#hash.inSql("e.command"),
      this.#hash.inSql("e.description"),
    ];
  }

  ofRow(row: Float64Array): number {
    for (let field = 0; field < FIELDS; field += 1) this.#set(field, row[field] ?? 0);
    return this.#hash.of(this.#fields, 0, 8 * FIELDS);
  }

  /** @returns false if the text is not the event of an entry */
  read(view: DataView, from: number, to: number): boolean {
    if (to - from < 2 || view.getUint8(from + 1) !== SPACE) return false;
    const letter = view.getUint8(from);
    if (letter !== CREDIT && letter !== DEBIT) return false;
    this.#at = from + 2;
    const account = this.#text(view, to);
    const seq = this.#integer(view, to);
    const time = this.#integer(view, to);
    const value = this.#integer(view, to);
    const balance = this.#integer(view, to);
    const limit = this.#integer(view, to);
    const command = this.#text(view, to);
    // NaN, if one of them is.
    const sum = account + seq + time + value + balance + limit + command;
    if (Number.isNaN(sum)) return false;
    this.#set(0, account);
    this.#set(1, seq);
    this.#set(2, time);
    this.#set(3, letter === CREDIT ? value : -value);
    this.#set(4, balance);
    this.#set(5, limit);
    this.#set(6, command);
    this.#set(7, this.#hash.of(view, this.#at, to));
    this.account = account;
    this.seq = seq;
    this.hash = this.#hash.of(this.#fields, 0, 8 * FIELDS);
    return true;
  }

  #set(field: number, value: number): void {
    // With integers of 32 bits these are single instructions, with other numbers calls.
    this.#fields.setInt32(8 * field, value | 0, true);
    this.#fields.setInt32(8 * field + 4, Math.floor(value / TWO_TO_32) | 0, true);
  }

  /** The hash of the text up to the next space; NaN if there is none. */
  #text(view: DataView, to: number): number {
    const first = this.#at;
    let at = first;
    while (at < to && view.getUint8(at) !== SPACE) at += 1;
    if (at === first || at >= to) return Number.NaN;
    this.#at = at + 1;
    return this.#hash.of(view, first, at);
  }

  /** NaN if there is no integer, with a space behind it. */
  #integer(view: DataView, to: number): number {
    let at = this.#at;
    if (at >= to) return Number.NaN;
    const isNegative = view.getUint8(at) === MINUS;
    if (isNegative) at += 1;
    const first = at;
    let value = 0;
    for (; at < to; at += 1) {
      const byte = view.getUint8(at);
      if (byte === SPACE && at > first) {
        this.#at = at + 1;
        if (value > Number.MAX_SAFE_INTEGER) break;
        return isNegative ? -value : value;
      }
      const digit = byte - ZERO;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    return Number.NaN;
  }
}
