/** Of the slots at most this share is taken, so that a free one is never far. */
const FULL = 0.8;
const TWO_TO_53 = 2 ** 53;

/**
 * Gives each account a number, counted from 0, by the hash of its id (see TextHash), so that what an audit remembers of
 * millions of accounts can stand in arrays of numbers. Ids are not kept. 15 bytes for each account.
 *
 * Among a million accounts two have the same hash, and so the same number, in one of 18,000 audits: what is found of the
 * two is looked at by their ids.
 */
export class AccountTable {
  /** A hash stands in the slot that its upper bits name, or in one of those that follow. */
  #hashes: Float64Array;
  /** One more than the number; 0 if the slot is free. */
  #numbers: Uint32Array;
  #slotsForHash: number;
  #count = 0;

  /** @param accounts about how many there will be */
  constructor(accounts: number) {
    const slots = Math.ceil(accounts / FULL) + 64;
    this.#hashes = new Float64Array(slots);
    this.#numbers = new Uint32Array(slots);
    this.#slotsForHash = slots / TWO_TO_53;
  }

  /** How many numbers there are without growing. */
  get room(): number {
    return Math.floor(this.#hashes.length * FULL) + 1;
  }

  /** The account's number; -1 if it has none. */
  numberOf(hash: number): number {
    return (this.#numbers[this.#slotOf(hash)] ?? 0) - 1;
  }

  /** The account's number, a new one if it had none. */
  add(hash: number): number {
    let slot = this.#slotOf(hash);
    const number = this.#numbers[slot] ?? 0;
    if (number > 0) return number - 1;
    if (this.#count >= this.#hashes.length * FULL) {
      this.#grow();
      slot = this.#slotOf(hash);
    }
    this.#count += 1;
    this.#hashes[slot] = hash;
    this.#numbers[slot] = this.#count;
    return this.#count - 1;
  }

  /** The slot of the hash, or the one that it would get. */
  #slotOf(hash: number): number {
    const hashes = this.#hashes;
    const numbers = this.#numbers;
    let slot = Math.floor(hash * this.#slotsForHash);
    while (numbers[slot] !== 0 && hashes[slot] !== hash) {
      slot += 1;
      if (slot === hashes.length) slot = 0;
    }
    return slot;
  }

  #grow(): void {
    const [hashes, numbers] = [this.#hashes, this.#numbers];
    this.#hashes = new Float64Array(hashes.length * 2);
    this.#numbers = new Uint32Array(hashes.length * 2);
    this.#slotsForHash *= 2;
    for (let index = 0; index < numbers.length; index += 1) {
      const number = numbers[index] ?? 0;
      if (number === 0) continue;
      const slot = this.#slotOf(hashes[index] ?? 0);
      this.#hashes[slot] = hashes[index] ?? 0;
      this.#numbers[slot] = number;
    }
  }
}

/** The array, or a longer copy of it if it has no place for the number. */
export function withRoomFor<A extends Float64Array | Uint32Array | Uint8Array>(array: A, number: number): A;
export function withRoomFor(
  array: Float64Array | Uint32Array | Uint8Array,
  number: number,
): Float64Array | Uint32Array | Uint8Array {
  if (number < array.length) return array;
  const room = 2 * (number + 1);
  const longer =
    array instanceof Float64Array
      ? new Float64Array(room)
      : array instanceof Uint32Array
        ? new Uint32Array(room)
        : new Uint8Array(room);
  longer.set(array);
  return longer;
}
