import { type LedgerEvent, parseEventOrNull } from "../../ledger/event.ts";
import { type AccountTable, withRoomFor } from "../books/account-table.ts";
import { EVENT_OF_ENTRY } from "../events.ts";
import { EntryHash } from "./entry-hash.ts";
import { textIn } from "./journal-reader.ts";
import { ACCOUNT, ENTRY, LIMIT, type RowKind } from "./row-sums.ts";
import type { TextHash } from "./text-hash.ts";

/** SQL for the text of each kind of row, by which it is named, and compared with what the journal makes of its events. */
export const TEXT_OF_ENTRY = EVENT_OF_ENTRY;
/** What an account keeps of its opening. The rest of it is that of its latest entry and limit. */
export const TEXT_OF_ACCOUNT =
  "concat_ws(' ', 'o', account, opened_at, command, unit, state, held, coalesce(name, ''))";
export const TEXT_OF_LIMIT =
  "concat_ws(' ', 'l', account, version, credit_limit, after_seq, changed_at, command)";

/**
 * Called with the text of a row as bytes within `view`. `account` is the hash of its id; `place` and `hash` are as in
 * RowSums.
 */
export type OnRow = (
  kind: RowKind,
  account: number,
  place: number,
  hash: number,
  view: DataView,
  from: number,
  to: number,
) => void;

/** Makes the rows of the books from the journal's events, which have to come in order. */
export class EventRows {
  readonly #accounts: AccountTable;
  readonly #hash: TextHash;
  readonly #entry: EntryHash;
  readonly #onRow: OnRow;
  readonly #encoder = new TextEncoder();
  /** How many limits each account has had, by its number in the table. */
  #versions: Uint32Array;

  /** @param accounts gets each account that is opened */
  constructor(accounts: AccountTable, hash: TextHash, onRow: OnRow) {
    this.#accounts = accounts;
    this.#hash = hash;
    this.#entry = new EntryHash(hash);
    this.#versions = new Uint32Array(accounts.room);
    this.#onRow = onRow;
  }

  /** @returns false if the text is no event */
  take(view: DataView, from: number, to: number): boolean {
    const entry = this.#entry;
    if (entry.read(view, from, to)) {
      this.#onRow(ENTRY, entry.account, entry.seq, entry.hash, view, from, to);
      return true;
    }
    const event = parseEventOrNull(textIn(view, from, to));
    if (event === null || event.type === "entry") return false;
    this.#takeOther(event);
    return true;
  }

  #takeOther(event: LedgerEvent): void {
    if (event.type === "open") {
      const { account, time, creditLimit, id, unit, name } = event;
      const hash = this.#hash.ofText(account);
      this.#setVersion(hash, 1);
      this.#row(ACCOUNT, hash, 0, ["o", account, time, id, unit, "open", 0, name ?? ""]);
      this.#row(LIMIT, hash, 1, ["l", account, 1, creditLimit, 0, time, id]);
    } else if (event.type === "limit") {
      const { account, seq, time, creditLimit, id } = event;
      const hash = this.#hash.ofText(account);
      const version = (this.#versions[this.#accounts.numberOf(hash)] ?? 0) + 1;
      this.#setVersion(hash, version);
      this.#row(LIMIT, hash, version, ["l", account, version, creditLimit, seq, time, id]);
    }
  }

  #row(kind: RowKind, account: number, place: number, fields: readonly (string | number)[]): void {
    const bytes = this.#encoder.encode(fields.join(" "));
    const view = new DataView(bytes.buffer);
    this.#onRow(kind, account, place, this.#hash.of(view, 0, bytes.length), view, 0, bytes.length);
  }

  #setVersion(account: number, version: number): void {
    const number = this.#accounts.add(account);
    this.#versions = withRoomFor(this.#versions, number);
    this.#versions[number] = version;
  }
}
