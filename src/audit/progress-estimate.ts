/**
 * How far an audit is. Its parts cost differently, so each is counted in what an entry costs in the one pass over all
 * entries; what it is told to is a share, not a number of anything.
 */
export class ProgressEstimate {
  readonly #onProgress: (done: number, all: number) => void;
  #done = 0;
  #all = 0;

  constructor(onProgress: (done: number, all: number) => void) {
    this.#onProgress = onProgress;
  }

  /** More is known to be there to do. */
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

  /** What came while the audit went on was not planned. */
  #report(): void {
    this.#all = Math.max(this.#all, this.#done);
    this.#onProgress(this.#done, this.#all);
  }
}

/** An account's comparison with Redis: 25 µs where an entry takes 1.5 µs. Each account is one that will be compared. */
export const COMPARISON_COST = 16;
