/** How far a shard is, in Redis and in the books. */
export interface Progress {
  readonly decided: number;
  readonly kept: number;
}

/**
 * How long the books have been behind, from two numbers that are looked at again and again: for a writer that does not
 * answer any more. It can be short of the truth by the time between two looks.
 */
export class BooksLag {
  /** When so much was decided, oldest first: only of what is not kept. */
  #seen: { readonly at: number; readonly decided: number }[] = [];

  /**
   * @param at milliseconds of a clock that never steps back
   * @returns milliseconds; 0 where all is kept
   */
  looked(at: number, { decided, kept }: Progress): number {
    this.#seen = this.#seen.filter((seen) => seen.decided > kept);
    if (decided > (this.#seen.at(-1)?.decided ?? kept)) this.#seen.push({ at, decided });
    // Of a long outage the first few tell enough: thinned out, the rest is off by no more than the pauses between them.
    if (this.#seen.length > KEPT_MAX) this.#seen = this.#seen.filter((_, index) => index % 2 === 0);
    const [first] = this.#seen;
    return first === undefined ? 0 : at - first.at;
  }
}

const KEPT_MAX = 1_000;
