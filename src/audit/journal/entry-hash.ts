import { bounds } from "../../bounds.ts";
import { type Party, WORLD } from "../../ledger/account.ts";
import type { KeptEntry } from "../../ledger/entry.ts";
import type { Place } from "../../ledger/event-results.ts";
import type { TextHash } from "./text-hash.ts";

const CREDIT = 0x63;
const DEBIT = 0x64;
const SPACE = 0x20;
const ZERO = 0x30;
const MINUS = 0x2d;
const TWO_TO_32 = 2 ** 32;
/** Those that are in a statement in Redis. */
const STATEMENT_FIELDS = 8;
/** The place of its event, and the hash of what most entries have nothing of. */
const FIELDS = 12;
const SHORT = bounds.statement_description_characters;

/**
 * The hash of an entry, made of its fields, and the same for a row of the books as for an event: PostgreSQL sends the
 * row's numbers as they are and the hashes of its texts, which costs it a third of what making the event's text does.
 */
export class EntryHash {
  readonly #hash: TextHash;
  readonly #fields = new DataView(new ArrayBuffer(8 * FIELDS));
  #at = 0;
  /** Of the entry that was read last: the hash of the account's id, the seq, the value with its sign, the limit. */
  account = 0;
  seq = 0;
  value = 0;
  limit = 0;

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
      this.#hash.inSql(`left(e.description, ${SHORT})`),
      "e.shard::bigint",
      "e.g",
      "e.event::bigint",
      `CASE WHEN e.counterparty IS NULL AND e.reference IS NULL AND e.decided_at IS NULL
         AND octet_length(e.description) <= ${SHORT} THEN 0
       ELSE ${this.#hash.inSql("concat_ws(' ', coalesce(e.counterparty, ''), coalesce(e.reference, ''), coalesce(e.decided_at::text, ''), e.description)")} END`,
    ];
  }

  /** Of a row of the books: what is hashed next. */
  setRow(row: Float64Array): void {
    for (let field = 0; field < FIELDS; field += 1) this.#set(field, row[field] ?? 0);
  }

  /** Of an entry that is not the event of its own. */
  setEntry(entry: KeptEntry, creditLimit: number, { shard, g, index }: Place, decidedAt: number): void {
    const { kind, value, description, counterparty, reference, time } = entry;
    const hash = this.#hash;
    this.account = hash.ofText(entry.account);
    this.seq = entry.seq;
    this.value = kind === "credit" ? value : -value;
    this.limit = creditLimit;
    const short = Array.from(description).slice(0, SHORT).join("");
    const head = [this.account, entry.seq, time, this.value, entry.balance, creditLimit];
    const texts = [hash.ofText(entry.id), hash.ofText(short)];
    const rest = this.#rest(counterparty, reference, decidedAt === time ? null : decidedAt, description);
    for (const [field, number] of [...head, ...texts, shard, g, index, rest].entries())
      this.#set(field, number);
  }

  /** The hash of all of the entry that was set or read last. */
  get hash(): number {
    return this.#hash.of(this.#fields, 0, 8 * FIELDS);
  }

  /** The hash of what a statement has of it. */
  get statementHash(): number {
    return this.#hash.of(this.#fields, 0, 8 * STATEMENT_FIELDS);
  }

  #rest(party: Party, reference: string | null, decidedAt: number | null, description: string): number {
    const counterparty = party === WORLD ? "" : party;
    const isShort = Buffer.byteLength(description) <= SHORT;
    if (counterparty === "" && reference === null && decidedAt === null && isShort) return 0;
    return this.#hash.ofText(`${counterparty} ${reference ?? ""} ${decidedAt ?? ""} ${description}`);
  }

  /** Where the event stands that was read. */
  setPlace(shard: number, g: number, event: number): void {
    this.#set(8, shard);
    this.#set(9, g);
    this.#set(10, event);
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
    const isShort = to - this.#at <= SHORT;
    this.#set(7, isShort ? this.#hash.of(view, this.#at, to) : this.#longDescription(view, to));
    if (isShort) this.#set(11, 0);
    this.account = account;
    this.seq = seq;
    this.value = letter === CREDIT ? value : -value;
    this.limit = limit;
    return true;
  }

  #longDescription(view: DataView, to: number): number {
    const description = Buffer.from(view.buffer, view.byteOffset + this.#at, to - this.#at).toString();
    this.#set(11, this.#rest(WORLD, null, null, description));
    return this.#hash.ofText(Array.from(description).slice(0, SHORT).join(""));
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
