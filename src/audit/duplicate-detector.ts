const BUCKETS = 2 ** 14;
const BUCKET_OF_HASH = 2 ** 53 / BUCKETS;
const BUCKETS_BETWEEN_COLLECTIONS = 2 ** 11;
/** Of a hash the last bits are left out: its bucket and 32 bits stand for it. */
const MARK_OF_HASH = 2 ** 7;
const TWO_TO_32 = 2 ** 32;
const NONE = new Uint32Array(0);

/**
 * Finds texts that occur twice among millions, with about 5 bytes of memory for each. It keeps 46 bits of a hash of 53. It
 * only finds candidates: among ten million different texts, there is one in every second run.
 */
export class DuplicateDetector {
  /** By the upper bits of a hash. */
  readonly #buckets: Uint32Array[];
  readonly #counts = new Uint32Array(BUCKETS);

  /** @param commands about how many there will be */
  constructor(commands: number) {
    // Hashes are spread evenly; a bucket that is full even so grows.
    const room = Math.ceil((commands / BUCKETS) * 1.06) + 16;
    this.#buckets = Array.from({ length: BUCKETS }, () => new Uint32Array(room));
  }

  add(command: string): void {
    this.addHash(hash53(command));
  }

  /** Adds a text by its hash, an integer from 0 to 2^53 - 1, which was computed elsewhere. */
  addHash(hash: number): void {
    const index = Math.floor(hash / BUCKET_OF_HASH);
    let bucket = this.#buckets[index];
    const count = this.#counts[index];
    if (bucket === undefined || count === undefined) throw new Error(`${hash} is no hash`);
    if (count === bucket.length) bucket = this.#grow(index, bucket);
    bucket[count] = markOf(hash) % TWO_TO_32;
    this.#counts[index] = count + 1;
  }

  /**
   * Which {@link markOf} hashes occurred more than once.
   *
   * @param excused has those that may occur once more, as often as it has them
   */
  candidates(excused: DuplicateDetector | null = null): ReadonlySet<number> {
    const duplicates = new Set<number>();
    for (const index of this.#buckets.keys()) {
      // What sorting leaves behind would be as much as all that is sorted.
      if (index % BUCKETS_BETWEEN_COLLECTIONS === 0) Bun.gc(true);
      const marks = this.#sorted(index);
      const more = excused === null ? NONE : excused.#sorted(index);
      let of = 0;
      for (let at = 1; at < marks.length; at += 1) {
        const mark = marks[at] ?? 0;
        if (mark !== marks[at - 1]) continue;
        while ((more[of] ?? mark) < mark) of += 1;
        if (more[of] === mark) of += 1;
        else duplicates.add(index * TWO_TO_32 + mark);
      }
    }
    return duplicates;
  }

  #sorted(index: number): Uint32Array {
    const marks = this.#buckets[index]?.subarray(0, this.#counts[index]) ?? NONE;
    marks.sort();
    return marks;
  }

  #grow(index: number, bucket: Uint32Array): Uint32Array {
    const grown = new Uint32Array(Math.ceil(bucket.length * 1.5));
    grown.set(bucket);
    this.#buckets[index] = grown;
    return grown;
  }
}

/** The bits of a hash that {@link DuplicateDetector} keeps. In SQL: `hash >> MARK_SHIFT`. */
export function markOf(hash: number): number {
  return Math.floor(hash / MARK_OF_HASH);
}

export const MARK_SHIFT = Math.log2(MARK_OF_HASH);

/** Two multiplicative hashes of the characters, with different factors, combined to 53 bits. */
export function hash53(text: string): number {
  let high = 0xdeadbeef;
  let low = 0x41c6ce57;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    high = Math.imul(high ^ code, 0x85ebca77);
    low = Math.imul(low ^ code, 0xc2b2ae3d);
  }
  high = Math.imul(high ^ (high >>> 15), 0x735a2d97) ^ Math.imul(low ^ (low >>> 13), 0xcaf649a9);
  low = Math.imul(low ^ (low >>> 15), 0x735a2d97) ^ Math.imul(high ^ (high >>> 13), 0xcaf649a9);
  return (high & 0x1fffff) * 2 ** 32 + (low >>> 0);
}
