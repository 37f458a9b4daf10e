/** In milliseconds. */
export interface Pace {
  /** Between two rounds while somebody looks. */
  readonly watched: number;
  /** The same while nobody does. */
  readonly resting: number;
  /** Who has looked so long ago has gone. */
  readonly gone: number;
}

export const PACE: Pace = { watched: 1_000, resting: 15_000, gone: 5_000 };

/** Does the same again and again: often while somebody looks at what comes of it, seldom else. Never two at once. */
export class Rounds {
  readonly #round: () => Promise<void>;
  readonly #pace: Pace;
  #lookedAt = -Infinity;
  #endedAt = -Infinity;
  #timer: Timer | undefined;
  #running: Promise<void> | null = null;
  #first: Promise<void> | null = null;
  #closed = false;

  /** @param round must not reject */
  constructor(round: () => Promise<void>, pace: Pace = PACE) {
    this.#round = round;
    this.#pace = pace;
  }

  start(): void {
    this.#first ??= this.#run();
  }

  /** Somebody looks. Resolves when there is something to be seen: at once, but for the first time. */
  looked(): Promise<void> {
    const wasWatched = this.#isWatched();
    this.#lookedAt = performance.now();
    if (this.#first === null) this.start();
    else if (!wasWatched && this.#running === null) this.#wait();
    return this.#first ?? Promise.resolve();
  }

  /** Resolves when no round runs any more. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  #isWatched(): boolean {
    return performance.now() - this.#lookedAt < this.#pace.gone;
  }

  #wait(): void {
    if (this.#closed) return;
    clearTimeout(this.#timer);
    const pause = this.#isWatched() ? this.#pace.watched : this.#pace.resting;
    const left = Math.max(0, this.#endedAt + pause - performance.now());
    this.#timer = setTimeout(() => void this.#run(), left);
    this.#timer.unref();
  }

  async #run(): Promise<void> {
    this.#running = this.#round();
    await this.#running;
    this.#running = null;
    this.#endedAt = performance.now();
    this.#wait();
  }
}
