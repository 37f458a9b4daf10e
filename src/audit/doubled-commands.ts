/**
 * Finds texts that come twice among millions, in 8 bytes for each: it keeps a hash of 53 bits, which a number holds
 * exactly. What it finds are candidates: a pair of ten million texts that differ has the same hash once in 200 runs.
 */
export class DoubledCommands {
  #hashes: Float64Array;
  #count = 0;

  /** @param commands how many there are; more than that are not taken. To grow would need the memory twice. */
  constructor(commands: number) {
    this.#hashes = new Float64Array(commands);
  }

  add(command: string): void {
    this.#hashes[this.#count] = hash53(command);
    this.#count += 1;
  }

  /** The hashes that came more than once. Nothing can be added afterwards. */
  candidates(): ReadonlySet<number> {
    const hashes = this.#hashes.subarray(0, this.#count);
    hashes.sort();
    const doubled = new Set<number>();
    for (let index = 1; index < hashes.length; index += 1) {
      const hash = hashes[index] ?? 0;
      if (hash === hashes[index - 1]) doubled.add(hash);
    }
    this.#hashes = new Float64Array(0);
    return doubled;
  }
}

/** Two rounds of multiplication over each character, with different factors; 53 bits of both. */
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
