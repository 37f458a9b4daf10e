import { withRoomFor } from "./account-table.ts";

const TWO_TO_32 = 2 ** 32;

/** For each account a sum of the hashes of the entries in its statement, in which each counts by its seq. */
export class StatementSums {
  #low: Uint32Array;
  #high: Uint32Array;

  constructor(accounts: number) {
    this.#low = new Uint32Array(accounts);
    this.#high = new Uint32Array(accounts);
  }

  makeRoomFor(account: number): void {
    this.#low = withRoomFor(this.#low, account);
    this.#high = withRoomFor(this.#high, account);
  }

  /** @param hash see EntryHash */
  add(account: number, seq: number, hash: number): void {
    const weight = weightOf(seq);
    this.#low[account] = (this.#low[account] ?? 0) + Math.imul(hash, weight);
    this.#high[account] = (this.#high[account] ?? 0) + Math.imul(Math.floor(hash / TWO_TO_32), weight);
  }

  /** Whether these hashes, of the entries from `seq` down, make up the account's sum. */
  isSum(account: number, seq: number, hashes: Float64Array, count: number): boolean {
    let low = 0;
    let high = 0;
    for (let index = 0; index < count; index += 1) {
      const weight = weightOf(seq - index);
      const hash = hashes[index] ?? 0;
      low = (low + Math.imul(hash, weight)) | 0;
      high = (high + Math.imul(Math.floor(hash / TWO_TO_32), weight)) | 0;
    }
    return this.#low[account] === low >>> 0 && this.#high[account] === high >>> 0;
  }
}

/** Odd, so that no bit of a hash is lost. */
function weightOf(seq: number): number {
  return (2 * seq + 1) | 0;
}
