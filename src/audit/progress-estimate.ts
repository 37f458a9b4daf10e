/**
 * Estimates how far an audit is. Its parts differ in cost, so each is weighted by what it costs compared to one entry in
 * the full scan. Only the ratio of the two numbers has a meaning.
 */
export class ProgressEstimate {
  readonly #onProgress: (done: number, all: number) => void;
  #done = 0;
  #all = 0;

  constructor(onProgress: (done: number, all: number) => void) {
    this.#onProgress = onProgress;
  }

  /** Adds work to do. */
  plan(cost: number): void {
    if (cost === 0) return;
    this.#all += cost;
    this.#report();
  }

  did(cost: number): void {
    if (cost === 0) return;
    this.#done += cost;
    this.#report();
  }

  /** Work that appeared during the audit was not planned, so `all` may have to grow. */
  #report(): void {
    this.#all = Math.max(this.#all, this.#done);
    this.#onProgress(this.#done, this.#all);
  }
}

/** The cost of comparing an account with Redis, in entries: most of it is the ten texts of its statement. */
export const COMPARISON_COST = 12;
