/** What a row of the books is made of, or a part of it that changes on its own. */
export const ACCOUNT = 1;
export const LIMIT = 2;
export const ENTRY = 3;
/** Name and metadata of an account. */
export const DETAILS = 4;
/** What an account has held, and its state. */
export const STANDING = 5;
export const HOLD = 6;
/** What has ended a hold. */
export const HOLD_END = 7;
export const REVERSAL = 8;
/** A part of a transaction across shards. */
export const PART = 9;
/** What has ended it. */
export const PART_END = 10;
/** A decision across shards. */
export const TRANSIT = 11;
export type RowKind =
  | typeof ACCOUNT
  | typeof LIMIT
  | typeof ENTRY
  | typeof DETAILS
  | typeof STANDING
  | typeof HOLD
  | typeof HOLD_END
  | typeof REVERSAL
  | typeof PART
  | typeof PART_END
  | typeof TRANSIT;

const BUCKETS = 2 ** 18;
const TWO_TO_32 = 2 ** 32;

/**
 * Compares two sets of rows that come in different orders, without sorting them: each row is put into a bucket by its
 * key, and only the sum of the hashes in a bucket is kept. Where a bucket's sums are the same, so are its rows.
 */
export class RowSums {
  readonly #low = new Uint32Array(BUCKETS);
  readonly #high = new Uint32Array(BUCKETS);

  /**
   * @param account the hash of the account's id, or of that of a hold, a reversed transaction, a part or an attempt
   * @param place the seq of an entry, the version of a limit, else 0
   * @param hash of the row: for an entry see EntryHash, else that of its text
   */
  add(kind: RowKind, account: number, place: number, hash: number): void {
    const bucket = bucketOf(kind, account, place);
    this.#low[bucket] = (this.#low[bucket] ?? 0) + hash;
    this.#high[bucket] = (this.#high[bucket] ?? 0) + Math.floor(hash / TWO_TO_32);
  }

  subtract(kind: RowKind, account: number, place: number, hash: number): void {
    const bucket = bucketOf(kind, account, place);
    this.#low[bucket] = (this.#low[bucket] ?? 0) - hash;
    this.#high[bucket] = (this.#high[bucket] ?? 0) - Math.floor(hash / TWO_TO_32);
  }

  /** The buckets whose rows are not the same. */
  differing(): number[] {
    const differing: number[] = [];
    for (let bucket = 0; bucket < BUCKETS; bucket += 1) {
      if (this.#low[bucket] !== 0 || this.#high[bucket] !== 0) differing.push(bucket);
    }
    return differing;
  }
}

export function bucketOf(kind: RowKind, account: number, place: number): number {
  let mixed = Math.imul(account | 0, 0x9e3779b1) ^ ((account / TWO_TO_32) | 0) ^ kind;
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x85ebca77) ^ (place | 0) ^ ((place / TWO_TO_32) | 0);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae3d);
  return (mixed ^ (mixed >>> 16)) & (BUCKETS - 1);
}
