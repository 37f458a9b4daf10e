import { type LedgerEvent, parseEventOrNull } from "../../ledger/event.ts";
import { EVENT_OF_ENTRY } from "../events.ts";
import { textIn } from "./journal-reader.ts";
import { ACCOUNT, ENTRY, LIMIT, type RowKind } from "./row-sums.ts";

/** SQL for the text of each kind of row, by which it is compared with what the journal makes of its events. */
export const TEXT_OF_ENTRY = EVENT_OF_ENTRY;
/** What an account keeps of its opening. The rest of it is that of its latest entry and limit. */
export const TEXT_OF_ACCOUNT = "concat_ws(' ', 'o', account, opened_at, command, coalesce(name, ''))";
export const TEXT_OF_LIMIT =
  "concat_ws(' ', 'l', account, version, credit_limit, after_seq, changed_at, command)";

/** Called with the text of a row as bytes within `view`. `place` is as in RowSums. */
export type OnRow = (
  kind: RowKind,
  account: number,
  place: number,
  view: DataView,
  from: number,
  to: number,
) => void;

const CREDIT = 0x63;
const DEBIT = 0x64;
const SPACE = 0x20;
const ZERO = 0x30;

/** Makes the rows of the books from the journal's events, which have to come in order. */
export class EventRows {
  readonly #onRow: OnRow;
  /** How many limits each account has had, by its number. */
  readonly #versions: Uint32Array;
  /** The same of accounts whose number is higher than it should be. */
  readonly #outliers = new Map<number, number>();
  readonly #encoder = new TextEncoder();
  #at = 0;

  /** @param accounts one more than the highest number that is expected */
  constructor(accounts: number, onRow: OnRow) {
    this.#versions = new Uint32Array(accounts);
    this.#onRow = onRow;
  }

  /** @returns false if the text is no event */
  take(view: DataView, from: number, to: number): boolean {
    if (from === to) return false;
    const letter = view.getUint8(from);
    if (letter === CREDIT || letter === DEBIT) {
      this.#at = from + 2;
      const account = this.#integer(view, to);
      const seq = this.#integer(view, to);
      if (Number.isNaN(account) || Number.isNaN(seq)) return false;
      this.#onRow(ENTRY, account, seq, view, from, to);
      return true;
    }
    const event = parseEventOrNull(textIn(view, from, to));
    if (event === null) return false;
    this.#takeOther(event);
    return true;
  }

  #takeOther(event: LedgerEvent): void {
    if (event.type === "open") {
      const { account, time, creditLimit, id, name } = event;
      this.#setVersion(account, 1);
      this.#row(ACCOUNT, account, 0, ["o", account, time, id, name ?? ""]);
      this.#row(LIMIT, account, 1, ["l", account, 1, creditLimit, 0, time, id]);
    } else if (event.type === "limit") {
      const { account, seq, time, creditLimit, id } = event;
      const version = this.#version(account) + 1;
      this.#setVersion(account, version);
      this.#row(LIMIT, account, version, ["l", account, version, creditLimit, seq, time, id]);
    }
  }

  #row(kind: RowKind, account: number, place: number, fields: readonly (string | number)[]): void {
    const bytes = this.#encoder.encode(fields.join(" "));
    this.#onRow(kind, account, place, new DataView(bytes.buffer), 0, bytes.length);
  }

  /** NaN if there is no integer, with a space behind it. */
  #integer(view: DataView, to: number): number {
    const first = this.#at;
    let value = 0;
    for (let at = first; at < to; at += 1) {
      const byte = view.getUint8(at);
      if (byte === SPACE && at > first) {
        this.#at = at + 1;
        return value;
      }
      const digit = byte - ZERO;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    return Number.NaN;
  }

  #version(account: number): number {
    return account < this.#versions.length
      ? (this.#versions[account] ?? 0)
      : (this.#outliers.get(account) ?? 0);
  }

  #setVersion(account: number, version: number): void {
    if (account < this.#versions.length) this.#versions[account] = version;
    else this.#outliers.set(account, version);
  }
}
