/**
 * PostgreSQL's `hashtextextended`, of which the lower 53 bits are taken: so rows can be hashed where they are, and what
 * is read from elsewhere here, without sending the rows as texts. With a seed that nobody knows before the audit, no row
 * can be made to have a given hash.
 */
export class TextHash {
  readonly #seed: bigint;
  readonly #high: number;
  readonly #low: number;

  constructor(seed: bigint) {
    this.#seed = seed;
    this.#high = Number(BigInt.asIntN(32, seed >> 32n));
    this.#low = Number(BigInt.asIntN(32, seed));
  }

  /** SQL for the hash of a text. */
  inSql(text: string): string {
    return `(hashtextextended(${text}, ${this.#seed}) & 9007199254740991)`;
  }

  /** Of bytes of UTF-8, as PostgreSQL has texts. */
  of(view: DataView, from: number, to: number): number {
    const length = to - from;
    let a = (0x9e3779b9 + length + 3923095) | 0;
    let b = a;
    let c = a;
    let at = from;
    // The seed is mixed in like twelve bytes of the text, without the third four.
    a = (a + this.#high) | 0;
    b = (b + this.#low) | 0;
    for (;;) {
      a = (a - c) ^ ((c << 4) | (c >>> 28));
      c = (c + b) | 0;
      b = (b - a) ^ ((a << 6) | (a >>> 26));
      a = (a + c) | 0;
      c = (c - b) ^ ((b << 8) | (b >>> 24));
      b = (b + a) | 0;
      a = (a - c) ^ ((c << 16) | (c >>> 16));
      c = (c + b) | 0;
      b = (b - a) ^ ((a << 19) | (a >>> 13));
      a = (a + c) | 0;
      c = (c - b) ^ ((b << 4) | (b >>> 28));
      b = (b + a) | 0;
      if (to - at < 12) break;
      a = (a + view.getInt32(at, true)) | 0;
      b = (b + view.getInt32(at + 4, true)) | 0;
      c = (c + view.getInt32(at + 8, true)) | 0;
      at += 12;
    }
    const rest = to - at;
    for (let index = 0; index < rest; index += 1) {
      const byte = view.getUint8(at + index);
      if (index < 4) a = (a + (byte << (8 * index))) | 0;
      else if (index < 8) b = (b + (byte << (8 * (index - 4)))) | 0;
      // The lowest byte of the last four stays free, for the length.
      else c = (c + (byte << (8 * (index - 7)))) | 0;
    }
    c = ((c ^ b) - ((b << 14) | (b >>> 18))) | 0;
    a = ((a ^ c) - ((c << 11) | (c >>> 21))) | 0;
    b = ((b ^ a) - ((a << 25) | (a >>> 7))) | 0;
    c = ((c ^ b) - ((b << 16) | (b >>> 16))) | 0;
    a = ((a ^ c) - ((c << 4) | (c >>> 28))) | 0;
    b = ((b ^ a) - ((a << 14) | (a >>> 18))) | 0;
    c = ((c ^ b) - ((b << 24) | (b >>> 8))) | 0;
    return (b & 0x1fffff) * 2 ** 32 + (c >>> 0);
  }

  ofText(text: string): number {
    const bytes = new TextEncoder().encode(text);
    return this.of(new DataView(bytes.buffer), 0, bytes.length);
  }
}
