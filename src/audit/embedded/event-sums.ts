import { highHash, lowHash } from "./text-hash.ts";

/** An event that changed an account, with the place in the tables that is made of it. */
export interface PlacedEvent {
  readonly account: number;
  /** Of an entry; null: it is an opening or a limit. */
  readonly seq: number | null;
  /** Of a limit; 1 is that of the opening. Null: it is an entry. */
  readonly version: number | null;
  readonly text: string;
}

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

  /** @param sign 1 for the one set, -1 for the other */
  add(event: PlacedEvent, sign: 1 | -1): void {
    const bucket = bucketOf(event);
    const text = event.version === null ? event.text : `${event.version} ${event.text}`;
    // The arrays' elements take the sums modulo 2^32.
    this.#sums[2 * bucket] = (this.#sums[2 * bucket] ?? 0) + sign * lowHash(text);
    this.#sums[2 * bucket + 1] = (this.#sums[2 * bucket + 1] ?? 0) + sign * highHash(text);
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
  }

  /** Buckets that differ, with about how many events each has in the two sets together; those of accounts come first. */
  *differing(): Iterable<{ readonly bucket: number; readonly events: number }> {
    for (const [bucket, events] of this.#counts.entries()) {
      if (this.#sums[2 * bucket] !== 0 || this.#sums[2 * bucket + 1] !== 0) yield { bucket, events };
    }
  }
}

export function bucketOf({ account, seq }: PlacedEvent): number {
  if (seq === null) return spread(account);
  return BUCKETS + spread(account + Math.imul(Math.floor(seq / ENTRIES_TOGETHER), 0x9e3779b1));
}

function spread(number: number): number {
  return Math.imul(number ^ (number >>> 16), 0x85ebca6b) >>> 17;
}
