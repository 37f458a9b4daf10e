import { bounds } from "../../bounds.ts";

/**
 * Requests that came before Redis was first admitted. A restarted process listens before that, and a balancer that has not
 * noticed the restart sends it requests at once. They wait, as all requests do while Redis is away, but not long.
 */
export class FirstAdmission {
  /**
   * Calling one ends its wait. One promise shared by all of them would keep a reaction for each request that has given
   * up.
   */
  readonly #waiting = new Set<() => void>();

  wait(): Promise<void> {
    return new Promise((resolve) => {
      const proceed = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(proceed);
        resolve();
      };
      const timer = setTimeout(proceed, bounds.first_admission_milliseconds_max);
      this.#waiting.add(proceed);
    });
  }

  /** Ends all waits. */
  end(): void {
    for (const proceed of this.#waiting) proceed();
  }
}
