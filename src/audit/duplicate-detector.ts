/** Each bucket is sorted separately, since sorting makes a copy. */
const BUCKETS = 64;
const BUCKET_OF_HASH = 2 ** 53 / BUCKETS;

/**
 * Finds texts that occur twice among millions, with 8 bytes of memory for each. It keeps a hash of 53 bits, which a
 * number holds exactly. It only finds candidates: among ten million different texts, two have the same hash in one of
 * 200 runs.
 */
export class DuplicateDetector {
  readonly #buckets: Float64Array[];
  readonly #counts = new Uint32Array(BUCKETS);

  /** @param commands about how many there will be */
  constructor(commands: number) {
    // Hashes are spread evenly; if a bucket is full even so, it grows.
    const room = Math.ceil((commands / BUCKETS) * 1.02) + 256;
    this.#buckets = Array.from({ length: BUCKETS }, () => new Float64Array(room));
  }

  add(command: string): void {
    this.addHash(hash53(command));
  }

  /** Adds a text by its hash, an integer from 0 to 2^53 - 1, which was computed elsewhere. */
  addHash(hash: number): void {
    const index = Math.floor(hash / BUCKET_OF_HASH);
    const bucket = this.#buckets[index];
    const count = this.#counts[index];
    if (bucket === undefined || count === undefined) throw new Error(`${hash} is no hash`);
    if (count === bucket.length) this.#grow(index, bucket)[count] = hash;
    else bucket[count] = hash;
    this.#counts[index] = count + 1;
  }

  /** The hashes that occurred more than once. */
  candidates(): ReadonlySet<number> {
    const duplicates = new Set<number>();
    for (const [index, bucket] of this.#buckets.entries()) {
      const hashes = bucket.subarray(0, this.#counts[index]);
      hashes.sort();
      for (let at = 1; at < hashes.length; at += 1) {
        const hash = hashes[at] ?? 0;
        if (hash === hashes[at - 1]) duplicates.add(hash);
      }
    }
    return duplicates;
  }

  #grow(index: number, bucket: Float64Array): Float64Array {
    const grown = new Float64Array(bucket.length * 2);
    grown.set(bucket);
    this.#buckets[index] = grown;
    return grown;
  }
}

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
