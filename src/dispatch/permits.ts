/** How many requests there may be at once, to all targets together. */
export class Permits {
  #free: number;
  readonly #waiting = new Set<() => void>();

  constructor(count: number) {
    this.#free = count;
  }

  /** @param onFree called once, when there may be one, if there is none now: it takes it at once, or leaves it to others */
  tryTake(onFree: () => void): boolean {
    if (this.#free === 0) {
      this.#waiting.add(onFree);
      return false;
    }
    this.#free -= 1;
    return true;
  }

  release(): void {
    this.#free += 1;
    // Who asked first comes first; but who asked may have no use for it by now.
    for (const onFree of this.#waiting) {
      if (this.#free === 0) return;
      this.#waiting.delete(onFree);
      onFree();
    }
  }
}
