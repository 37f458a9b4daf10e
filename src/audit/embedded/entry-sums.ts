import type { EntryRow } from "../../embedded/entry-row.ts";
import type { AccountId } from "../../ledger/account.ts";
import { RowHash } from "./row-hash.ts";

const BUCKETS = 2 ** 15;
/** So many entries of an account, one after the other, are in the same bucket. */
const ENTRIES_TOGETHER = 64;

/**
 * Tells whether two sets of entries are the same, in any order, and where they differ: each entry is in a bucket by its
 * place, and each bucket has the sum of 64-bit hashes of its entries, less those of the other set.
 */
export class EntrySums {
  /** Two words for each bucket. */
  readonly #sums = new Uint32Array(2 * BUCKETS);
  readonly #counts = new Uint32Array(BUCKETS);
  readonly #hash = new RowHash();

  /** @param sign 1 for the one set, -1 for the other */
  add(row: EntryRow, sign: 1 | -1): void {
    const { account, seq, amount, balance, description, command, time, g, place } = row;
    const { part, decided_at: decidedAt, counterparty, reference } = row;
    const hash = this.#hash.restart().text(account);
    const bucket = bucketOf(hash, seq);
    hash.number(seq).number(amount).number(balance).number(time).number(g).number(place);
    hash.text(command).text(description);
    if (part !== null || decidedAt !== null || counterparty !== null || reference !== null) {
      hash.number(part ?? -1).number(decidedAt ?? -1);
      // No account, and no reference, has a space.
      hash.text(counterparty ?? " ").text(reference ?? " ");
    }
    const { low, high } = this.#hash;
    // The arrays' elements take the sums modulo 2^32.
    this.#sums[2 * bucket] = (this.#sums[2 * bucket] ?? 0) + sign * low;
    this.#sums[2 * bucket + 1] = (this.#sums[2 * bucket + 1] ?? 0) + sign * high;
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
  }

  /** Buckets that differ, with about how many entries each has in the two sets together. */
  *differing(): Iterable<{ readonly bucket: number; readonly entries: number }> {
    for (const [bucket, entries] of this.#counts.entries()) {
      if (this.#sums[2 * bucket] !== 0 || this.#sums[2 * bucket + 1] !== 0) yield { bucket, entries };
    }
  }

  bucketOf(account: AccountId, seq: number): number {
    return bucketOf(this.#hash.restart().text(account), seq);
  }
}

/** @param account the hash of the account's id */
function bucketOf(account: RowHash, seq: number): number {
  const mixed = account.low + Math.imul(Math.floor(seq / ENTRIES_TOGETHER), 0x9e3779b1);
  return Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b) >>> 17;
}
