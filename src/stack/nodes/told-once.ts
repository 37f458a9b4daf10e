/** Whether what is wrong is to be said now: once it has been so for a while, and then not again until it is something else. */
export class ToldOnce {
  readonly #after: number;
  #wrong: string | null = null;
  #since = 0;
  #told: string | null = null;

  /** @param after how long it has to be so, in milliseconds */
  constructor(after: number) {
    this.#after = after;
  }

  /**
   * @param wrong what is wrong now; `null`: nothing
   * @param now in milliseconds of `performance.now`
   */
  mayTell(wrong: string | null, now: number): boolean {
    if (wrong !== this.#wrong) [this.#wrong, this.#since] = [wrong, now];
    if (wrong === null) this.#told = null;
    if (wrong === this.#told || now - this.#since <= this.#after) return false;
    this.#told = wrong;
    return true;
  }
}
