import {
  type AccountDetails,
  type AccountId,
  type AccountState,
  type AccountStatus,
  type Party,
  WORLD,
} from "./account.ts";
import { isAccountId } from "./account-id.ts";
import { INITIAL } from "./command.ts";
import { accountDetailsIn, detailsIn } from "./details-text.ts";
import type { NamedId } from "./entry.ts";
import { isNamedId } from "./named-id.ts";
import type { Details, EventId, PostingDone } from "./transaction.ts";
import type { Across, PartSide } from "./transit.ts";
import { isUnit } from "./unit.ts";

/** In place of a content. */
export const NONE = "-";

/**
 * Reads the fields of an event one after the other. Every answer and every kept entry passes through here, so numbers
 * are parsed in place, without making a string for each, and objects have all their members written out: copying them
 * from others took longer than all the rest.
 */
export class Fields {
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

  id(): NamedId {
    return this.#asId(this.text());
  }

  idOfOpening(): NamedId | typeof INITIAL {
    const field = this.text();
    return field === INITIAL ? field : this.#asId(field);
  }

  party(): Party {
    return this.#text.startsWith(WORLD_FIELD, this.#at) ? (this.text(), WORLD) : this.account();
  }

  content(): string | null {
    return contentIn(this.text());
  }

  row(id: AccountId): AccountState {
    return this.#row(id, false);
  }

  /** For a row at the end. */
  lastRow(id: AccountId): AccountState {
    return this.#row(id, true);
  }

  #row(id: AccountId, isLast: boolean): AccountState {
    const creditLimit = this.integer();
    const balance = this.integer();
    const held = this.integer();
    const seq = this.integer();
    const time = this.integer();
    const unit = this.unit();
    const state = STATES[this.text()];
    if (state === undefined) throw notAnEvent(this.#text);
    const openedAt = isLast ? this.lastInteger() : this.integer();
    return { id, unit, state, creditLimit, balance, held, seq, time, openedAt };
  }

  moves(): { readonly postings: readonly PostingDone[]; readonly accounts: readonly AccountState[] } {
    const n = this.integer();
    const m = this.integer();
    const postings: PostingDone[] = [];
    const accounts: AccountState[] = [];
    for (let index = 0; index < n; index += 1) {
      const from = this.party();
      const to = this.party();
      const amount = this.integer();
      const fromSeq = this.integer();
      const fromBalance = this.integer();
      const toSeq = this.integer();
      const toBalance = this.integer();
      postings.push({ from, to, amount, fromSeq, fromBalance, toSeq, toBalance });
    }
    for (let index = 0; index < m; index += 1) accounts.push(this.row(this.account()));
    return { postings, accounts };
  }

  sides(count: number): PartSide[] {
    const sides: PartSide[] = [];
    for (let index = 0; index < count; index += 1)
      sides.push({ outgoing: this.integer(), incoming: this.integer(), locks: this.integer() });
    return sides;
  }

  /** For sides at the end; at least one. */
  lastSides(count: number): PartSide[] {
    const sides = this.sides(count - 1);
    sides.push({ outgoing: this.integer(), incoming: this.integer(), locks: this.lastInteger() });
    return sides;
  }

  accountDetails(): AccountDetails {
    return this.#details(accountDetailsIn);
  }

  details(): Details & { readonly reverses: EventId | null; readonly across?: Across } {
    return this.#details(detailsIn);
  }

  #details<T>(read: (text: string) => T): T {
    try {
      return read(this.rest());
    } catch {
      throw notAnEvent(this.#text);
    }
  }

  rest(): string {
    return this.#text.slice(this.#at);
  }

  #asId(field: string): NamedId {
    if (!isNamedId(field)) throw notAnEvent(this.#text);
    return field;
  }
}

const MINUS = 0x2d;
const ZERO = 0x30;
const SPACE = 0x20;

const WORLD_FIELD = `${WORLD} `;
const STATES: Readonly<Record<string, AccountStatus>> = { open: "open", frozen: "frozen", closed: "closed" };

export function contentIn(field: string): string | null {
  return field === NONE ? null : field;
}

export function notAnEvent(text: string): Error {
  return new Error(`not an event of the ledger: ${JSON.stringify(text.slice(0, 100))}`);
}
