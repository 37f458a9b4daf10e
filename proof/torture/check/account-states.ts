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

/** The rows of one account, as a slice of all rows of the books. */
export interface RowSlice<Row> {
  readonly of: readonly Row[];
  readonly from: number;
  readonly count: number;
}

/**
 * The states of an account, one after each change, as its rows in the books give them. State 0 is before the opening;
 * change n leads from state n - 1 to state n. Change 1 is the opening (version 1 of the limit). A later version of the
 * limit comes after the entry `afterSeq` and before the next entry. So the state after n entries and m versions has the
 * number n + m, and no list of states has to be stored.
 */
export class AccountStates {
  readonly account: string;
  /** How many changes the books had before this round. */
  readonly changesBefore: number;
  /** Whether the rows form an unbroken chain. If not, the states mean nothing. */
  readonly isWhole: boolean;
  readonly #entries: RowSlice<EntryRow>;
  readonly #limits: RowSlice<LimitRow>;

  constructor(
    account: string,
    rows: { readonly entries: RowSlice<EntryRow>; readonly limits: RowSlice<LimitRow> },
    { changesBefore, isWhole }: { readonly changesBefore: number; readonly isWhole: boolean },
  ) {
    this.account = account;
    this.changesBefore = changesBefore;
    this.isWhole = isWhole;
    this.#entries = rows.entries;
    this.#limits = rows.limits;
  }

  /** How many changes there are in all. */
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

function rowOf<Row>({ of, from, count }: RowSlice<Row>, number: number): Row {
  const row = number >= 1 && number <= count ? of[from + number - 1] : undefined;
  if (row === undefined) throw new RangeError(`there are ${count} rows, and no number ${number}`);
  return row;
}
