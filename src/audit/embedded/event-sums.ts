import type { AccountId } from "../../ledger/account.ts";
import type { Entry } from "../../ledger/entry.ts";
import { RowHash } from "./row-hash.ts";

/** An opening or a limit, with the place in the tables that is made of it. */
export interface LimitEvent {
  readonly account: AccountId;
  /** 1 is the limit of the opening. */
  readonly version: number;
  readonly text: string;
}

/** In place of the limit that an entry had to keep, if none was in force. */
export const NO_LIMIT = -1;

const BUCKETS = 2 ** 15;
/** So many entries of an account, one after the other, are in the same bucket. */
const ENTRIES_TOGETHER = 64;

/**
 * Tells whether two sets of events are the same, in any order, and where they differ: each event is in a bucket by its
 * place, and each bucket has the sum of 64-bit hashes of its events, less those of the other set.
 */
export class EventSums {
  /** First the buckets of accounts (openings and limits), then those of entries; two words each. */
  readonly #sums = new Uint32Array(4 * BUCKETS);
  readonly #counts = new Uint32Array(2 * BUCKETS);
  readonly #hash = new RowHash();

  /** @param sign 1 for the one set, -1 for the other */
  addLimit({ account, version, text }: LimitEvent, sign: 1 | -1): void {
    const hash = this.#hash.restart().text(account);
    const bucket = bucketOf(hash, null);
    hash.number(version).text(text);
    this.#add(bucket, sign);
  }

  /** @param creditLimit the limit that it had to keep */
  addEntry(entry: Entry, creditLimit: number, sign: 1 | -1): void {
    const { account, seq, kind, value, balance, time, id, description } = entry;
    const hash = this.#hash.restart().text(account);
    const bucket = bucketOf(hash, seq);
    hash.number(seq).number(kind === "credit" ? 1 : kind === "debit" ? 2 : 3);
    hash.number(value).number(balance).number(time).number(creditLimit).text(id).text(description);
    this.#add(bucket, sign);
  }

  /** Buckets that differ, with about how many events each has in the two sets together; those of accounts come first. */
  *differing(): Iterable<{ readonly bucket: number; readonly events: number }> {
    for (const [bucket, events] of this.#counts.entries()) {
      if (this.#sums[2 * bucket] !== 0 || this.#sums[2 * bucket + 1] !== 0) yield { bucket, events };
    }
  }

  /** The bucket of an entry; of an opening or a limit, if `seq` is null. */
  bucketOf(account: AccountId, seq: number | null): number {
    return bucketOf(this.#hash.restart().text(account), seq);
  }

  /** The arrays' elements take the sums modulo 2^32. */
  #add(bucket: number, sign: 1 | -1): void {
    const { low, high } = this.#hash;
    this.#sums[2 * bucket] = (this.#sums[2 * bucket] ?? 0) + sign * low;
    this.#sums[2 * bucket + 1] = (this.#sums[2 * bucket + 1] ?? 0) + sign * high;
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
  }
}

/** @param account the hash of the account's id */
function bucketOf(account: RowHash, seq: number | null): number {
  if (seq === null) return spread(account.low);
  return BUCKETS + spread(account.low + Math.imul(Math.floor(seq / ENTRIES_TOGETHER), 0x9e3779b1));
}

function spread(number: number): number {
  return Math.imul(number ^ (number >>> 16), 0x85ebca6b) >>> 17;
}
