const TICK_MILLISECONDS = 10;
const STANDSTILL_MILLISECONDS = 500;

/**
 * Whether this machine has run without standing still for long. What is promised of time is promised where it runs, and a
 * machine that others share may look away for seconds.
 */
export class SteadyMachine implements Disposable {
  #latest = performance.now();
  #longest = 0;
  readonly #timer = setInterval(() => this.#tick(), TICK_MILLISECONDS);

  /** Says so where it has not: what the test does not hold it to then. */
  hasRun(skipped: string): boolean {
    this.#tick();
    const runs = this.#longest < STANDSTILL_MILLISECONDS;
    if (!runs)
      console.error(`SKIPPED, ${skipped}: this machine stood still for ${Math.round(this.#longest)} ms.`);
    return runs;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    const now = performance.now();
    this.#longest = Math.max(this.#longest, now - this.#latest);
    this.#latest = now;
  }
}
