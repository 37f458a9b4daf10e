/** New in each audit, so that nobody can make a row that has the hash of another one. The factors are odd. */
const [LOW_SEED = 0, HIGH_SEED = 0, LOW_RANDOM = 0, HIGH_RANDOM = 0] = crypto.getRandomValues(
  new Int32Array(4),
);
const LOW_FACTOR = LOW_RANDOM | 1;
const HIGH_FACTOR = HIGH_RANDOM | 1;
const TWO_TO_32 = 2 ** 32;

/**
 * Two independent hashes of 32 bits, of texts and numbers that are added one after the other. Millions of rows are hashed
 * field by field: to make one text of a row, and to hash that, takes several times as long.
 */
export class RowHash {
  low = 0;
  high = 0;

  /** @returns itself, as if nothing had been added */
  restart(): this {
    this.low = LOW_SEED;
    this.high = HIGH_SEED;
    return this;
  }

  text(text: string): this {
    let { low, high } = this;
    const { length } = text;
    // Two characters at a time.
    for (let index = 1; index < length; index += 2) {
      const codes = text.charCodeAt(index - 1) | (text.charCodeAt(index) << 16);
      low = Math.imul(low ^ codes, LOW_FACTOR);
      low ^= low >>> 15;
      high = Math.imul(high ^ codes, HIGH_FACTOR);
      high ^= high >>> 15;
    }
    this.low = low;
    this.high = high;
    if (length % 2 === 1) this.#word(text.charCodeAt(length - 1));
    // Where one text ends, and the next begins.
    return this.#word(length);
  }

  /** @param number an integer within ±2^53 */
  number(number: number): this {
    return this.#word(number | 0).#word(Math.floor(number / TWO_TO_32) | 0);
  }

  /** Of what was added, a number with 53 bits. */
  get bits53(): number {
    return (this.high & 0x1fffff) * TWO_TO_32 + (this.low >>> 0);
  }

  #word(word: number): this {
    const low = Math.imul(this.low ^ word, LOW_FACTOR);
    this.low = low ^ (low >>> 15);
    const high = Math.imul(this.high ^ word, HIGH_FACTOR);
    this.high = high ^ (high >>> 15);
    return this;
  }
}
