import type { HoldStatus, Posting } from "../clients/history.ts";
import type { AccountRow } from "./journal-events.ts";

/**
 * The ledger after each event of the journal: position n is after the first n events, position 0 before all of them.
 * Of accounts the states before the current round are forgotten, but for the last.
 */

export interface HoldRow {
  readonly id: string;
  readonly state: HoldStatus;
  readonly from: string;
  readonly to: string;
  readonly amount: number;
  readonly captured: number;
  readonly expiresAt: number;
  readonly transaction: string | null;
}

export interface TransactionRow {
  readonly id: string;
  readonly postings: readonly Posting[];
  readonly reference: string | null;
  readonly reverses: string | null;
  readonly hold: string | null;
  readonly reversedBy: string | null;
}

/** What is read of the ledger at some position; also with what a command would change of it. */
export interface LedgerView {
  account(id: string): AccountRow | null;
  /** Whether the account is on a shard that is not looked at: nothing is known of it but its unit. */
  isAway?(account: string): boolean;
  hold(id: string): HoldRow | null;
  transaction(id: string): TransactionRow | null;
}

class Versions<Row> {
  readonly #rows: { readonly position: number; readonly row: Row }[] = [];

  get latest(): Row | null {
    return this.#rows.at(-1)?.row ?? null;
  }

  add(position: number, row: Row): void {
    this.#rows.push({ position, row });
  }

  at(position: number): Row | null {
    let [low, high] = [0, this.#rows.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#rows[middle]?.position ?? Infinity) <= position) low = middle + 1;
      else high = middle;
    }
    return this.#rows[low - 1]?.row ?? null;
  }

  forgetEarlier(): void {
    this.#rows.splice(0, this.#rows.length - 1);
  }
}

export class LedgerHistory {
  readonly #accounts = new Map<string, Versions<AccountRow>>();
  readonly #holds = new Map<string, Versions<HoldRow>>();
  readonly #transactions = new Map<string, Versions<TransactionRow>>();
  /** How many events there were. */
  position = 0;

  /** Each with its latest state. */
  *accounts(): Generator<AccountRow> {
    yield* latestOf(this.#accounts);
  }

  *holds(): Generator<HoldRow> {
    yield* latestOf(this.#holds);
  }

  *transactions(): Generator<TransactionRow> {
    yield* latestOf(this.#transactions);
  }

  setAccount(row: AccountRow): void {
    add(this.#accounts, row.id, this.position, row);
  }

  setHold(row: HoldRow): void {
    add(this.#holds, row.id, this.position, row);
  }

  setTransaction(row: TransactionRow): void {
    add(this.#transactions, row.id, this.position, row);
  }

  at(position: number): LedgerView {
    return {
      account: (id) => this.#accounts.get(id)?.at(position) ?? null,
      hold: (id) => this.#holds.get(id)?.at(position) ?? null,
      transaction: (id) => this.#transactions.get(id)?.at(position) ?? null,
    };
  }

  beginRound(): void {
    for (const versions of this.#accounts.values()) versions.forgetEarlier();
  }
}

function* latestOf<Row>(things: ReadonlyMap<string, Versions<Row>>): Generator<Row> {
  for (const { latest } of things.values()) if (latest !== null) yield latest;
}

function add<Row>(things: Map<string, Versions<Row>>, id: string, position: number, row: Row): void {
  let versions = things.get(id);
  if (versions === undefined) things.set(id, (versions = new Versions()));
  versions.add(position, row);
}
