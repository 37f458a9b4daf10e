import type { AccountId, AccountState, AccountStatus } from "../../ledger/account.ts";
import { parseEvent } from "../../ledger/event.ts";
import { type AccountTable, withRoomFor } from "../books/account-table.ts";
import type { FindingName } from "../report/audit-report.ts";

/** By their number. */
const STATES: readonly AccountStatus[] = ["open", "frozen", "closed"];

/** Where an event is not what follows on those before, or does not fit itself. */
export type OnMisfit = (
  name: FindingName,
  account: { readonly id: AccountId; readonly seq: number },
  detail: string,
) => void;

interface OpenedAccount {
  readonly creditLimit: number;
  /** Hashes of its rows. */
  readonly details: number;
  readonly standing: number;
  /** See JournalTotals. */
  readonly total: number;
}

/**
 * What the journal has made of each account so far, by its number in the table, besides its entries: and whether events
 * leave an account's limit, holds and state as they were but for what they are about. 39 bytes for each account.
 */
export class JournalAccounts {
  readonly #table: AccountTable;
  readonly #onMisfit: OnMisfit;
  #versions: Uint32Array;
  #limits: Float64Array;
  #helds: Float64Array;
  #states: Uint8Array;
  #details: Float64Array;
  #standings: Float64Array;
  #totals: Uint32Array;
  /** How many are not open, or have something held: while there are none, the events of entries are not looked at. */
  #odd = 0;

  constructor(table: AccountTable, onMisfit: OnMisfit) {
    const { room } = table;
    this.#table = table;
    this.#onMisfit = onMisfit;
    this.#versions = new Uint32Array(room);
    this.#limits = new Float64Array(room);
    this.#helds = new Float64Array(room);
    this.#states = new Uint8Array(room);
    this.#details = new Float64Array(room);
    this.#standings = new Float64Array(room);
    this.#totals = new Uint32Array(room);
  }

  /** @param hash of the account's id, as everywhere here */
  open(hash: number, { creditLimit, details, standing, total }: OpenedAccount): void {
    const number = this.#table.add(hash);
    this.#makeRoomFor(number);
    this.#versions[number] = 1;
    this.#limits[number] = creditLimit;
    this.#details[number] = details;
    this.#standings[number] = standing;
    this.#totals[number] = total;
  }

  /** @returns the account's place in the totals; -1 if it was not opened */
  takeEntry(hash: number, limit: number, text: () => string): number {
    const number = this.#numberOf(hash);
    if (number === -1) return -1;
    const isOdd = this.#odd > 0 && (this.#helds[number] !== 0 || this.#states[number] !== 0);
    if (isOdd) {
      const event = parseEvent(text());
      if (event.type === "entry") {
        const { account: id, seq, balance, time } = event.entry;
        const row = { id, seq, balance, time, creditLimit: limit, held: 0, state: "open" } as const;
        this.expect(hash, { ...row, unit: "", openedAt: 0 });
      }
    }
    return this.#totals[number] ?? 0;
  }

  /** @returns the version of the new limit; null if it is the one before */
  changeLimit(hash: number, limit: number): number | null {
    const number = this.#numberOf(hash);
    if (number === -1 || this.#limits[number] === limit) return null;
    this.#limits[number] = limit;
    const version = (this.#versions[number] ?? 0) + 1;
    this.#versions[number] = version;
    return version;
  }

  change(hash: number, account: AccountState): void {
    const number = this.#numberOf(hash);
    if (number === -1) return;
    const held = this.#helds[number] ?? 0;
    if (this.#states[number] === STATES.indexOf("closed"))
      this.#onMisfit("account-differs", account, "it was closed before");
    if (held !== account.held)
      this.#onMisfit("account-differs", account, `it had ${held} held, and has ${account.held}`);
    if (account.state === "closed" && (account.balance !== 0 || account.held !== 0))
      this.#onMisfit("account-differs", account, "it is closed, and not empty");
    this.#set(number, account);
  }

  /** What the event says of an account that it leaves as it is. */
  expect(hash: number, account: AccountState): void {
    this.#compare(hash, account, this.#heldOf(hash));
  }

  hold(hash: number, account: AccountState, amount: number): void {
    this.#compare(hash, account, this.#heldOf(hash) + amount);
  }

  /** @returns what is held no more */
  free(hash: number, account: AccountState): number {
    const freed = this.#heldOf(hash) - account.held;
    this.#compare(hash, account, account.held);
    return freed;
  }

  detailsOf(hash: number): number | null {
    const number = this.#numberOf(hash);
    return number === -1 ? null : (this.#details[number] ?? null);
  }

  setDetails(hash: number, details: number): void {
    const number = this.#numberOf(hash);
    if (number !== -1) this.#details[number] = details;
  }

  standingOf(hash: number): number | null {
    const number = this.#numberOf(hash);
    return number === -1 ? null : (this.#standings[number] ?? null);
  }

  setStanding(hash: number, standing: number): void {
    const number = this.#numberOf(hash);
    if (number !== -1) this.#standings[number] = standing;
  }

  #heldOf(hash: number): number {
    return this.#helds[this.#numberOf(hash)] ?? 0;
  }

  #compare(hash: number, account: AccountState, held: number): void {
    const number = this.#numberOf(hash);
    if (number === -1) return;
    const before = { creditLimit: this.#limits[number] ?? 0, held, state: STATES[this.#states[number] ?? 0] };
    const isSame =
      before.creditLimit === account.creditLimit && held === account.held && before.state === account.state;
    const text = (
      row: Pick<AccountState, "creditLimit" | "held"> & { readonly state?: string | undefined },
    ) => `${row.state} with limit ${row.creditLimit} and ${row.held} held`;
    if (!isSame)
      this.#onMisfit("account-differs", account, `it should be ${text(before)}, and is ${text(account)}`);
    this.#set(number, account);
  }

  #set(number: number, { held, state }: AccountState): void {
    this.#odd -= this.#isOdd(number) ? 1 : 0;
    this.#helds[number] = held;
    this.#states[number] = STATES.indexOf(state);
    this.#odd += this.#isOdd(number) ? 1 : 0;
  }

  #isOdd(number: number): boolean {
    return this.#helds[number] !== 0 || this.#states[number] !== 0;
  }

  /** -1 if the journal has not opened it. */
  #numberOf(hash: number): number {
    const number = this.#table.numberOf(hash);
    return number === -1 || (this.#versions[number] ?? 0) === 0 ? -1 : number;
  }

  #makeRoomFor(number: number): void {
    this.#versions = withRoomFor(this.#versions, number);
    this.#limits = withRoomFor(this.#limits, number);
    this.#helds = withRoomFor(this.#helds, number);
    this.#states = withRoomFor(this.#states, number);
    this.#details = withRoomFor(this.#details, number);
    this.#standings = withRoomFor(this.#standings, number);
    this.#totals = withRoomFor(this.#totals, number);
  }
}
