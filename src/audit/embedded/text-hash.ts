/** The seed is new in each audit, so that nobody can make a text that has the hash of another one. */
const seed = crypto.getRandomValues(new Uint32Array(2));

/** Two independent hashes of 32 bits. */
export function lowHash(text: string): number {
  return Bun.hash.xxHash32(text, seed[0]);
}

export function highHash(text: string): number {
  return Bun.hash.xxHash32(text, seed[1]);
}
