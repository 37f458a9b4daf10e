import type { BooksSnapshot } from "../system/system-under-test.ts";

export type EntryRow = BooksSnapshot["entries"][number];
export type LimitRow = BooksSnapshot["limits"][number];

/** An account after the first `entries` of its entries, under version `limits` of its limit. */
export interface State {
  readonly entries: number;
  readonly limits: number;
  readonly balance: number;
  readonly creditLimit: number;
}

/** Where the rows of an account are in the books. */
export interface Rows<Row> {
  readonly of: readonly Row[];
  readonly from: number;
  readonly count: number;
}

/**
 * The states through which an account went, by its own rows in the books: state 0 is before its opening, and change n
 * leads from state n - 1 to state n. Change 1 is the opening (version 1 of the limit). A later version of the limit
 * comes after the entry `afterSeq` and before the next one. So the state after n entries and m versions is n + m, and
 * nothing needs to be written down.
 */
export class AccountStates {
  readonly account: number;
  /** The changes that stood before this round. */
  readonly floor: number;
  /** Whether the rows are a chain; if not, the states mean nothing. */
  readonly isWhole: boolean;
  readonly #entries: Rows<EntryRow>;
  readonly #limits: Rows<LimitRow>;

  constructor(
    account: number,
    rows: { readonly entries: Rows<EntryRow>; readonly limits: Rows<LimitRow> },
    { floor, isWhole }: { readonly floor: number; readonly isWhole: boolean },
  ) {
    this.account = account;
    this.floor = floor;
    this.isWhole = isWhole;
    this.#entries = rows.entries;
    this.#limits = rows.limits;
  }

  /** How many there are in all. */
  get changes(): number {
    return this.#entries.count + this.#limits.count;
  }

  get entries(): number {
    return this.#entries.count;
  }

  get limits(): number {
    return this.#limits.count;
  }

  /** @throws RangeError where there is no entry `n` (from 1) */
  entry(n: number): EntryRow {
    return rowOf(this.#entries, n);
  }

  /** @throws RangeError where there is no version `m` (from 1) */
  limit(m: number): LimitRow {
    return rowOf(this.#limits, m);
  }

  changeOfEntry(n: number): number {
    return n + this.limitsAt(n - 1);
  }

  /** The version that is in force for entry n + 1. */
  limitsAt(n: number): number {
    let [low, high] = [0, this.#limits.count];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.limit(middle).afterSeq <= n) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  balanceAt(n: number): number {
    return n === 0 ? 0 : this.entry(n).balance;
  }

  /** @returns null for state 0, in which there is no account */
  stateAt(position: number): State | null {
    if (position < 1) return null;
    let [low, high] = [0, Math.min(this.#entries.count, position - 1)];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.changeOfEntry(middle) <= position) low = middle;
      else high = middle - 1;
    }
    const limits = position - low;
    return {
      entries: low,
      limits,
      balance: this.balanceAt(low),
      creditLimit: this.limit(limits).creditLimit,
    };
  }
}

function rowOf<Row>({ of, from, count }: Rows<Row>, number: number): Row {
  const row = number >= 1 && number <= count ? of[from + number - 1] : undefined;
  if (row === undefined) throw new RangeError(`there are ${count} rows, and no number ${number}`);
  return row;
}
