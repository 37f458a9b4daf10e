import { messageOf } from "../../../src/errors.ts";
import type { Fault, FaultRecord } from "../plan/fault.ts";

/**
 * The faults that are being done: each begins, lasts and is undone by itself. When the torture stops, those that last
 * are undone at once.
 */
export class FaultsInProgress {
  readonly #going = new Set<Promise<FaultRecord>>();
  readonly #stopped = Promise.withResolvers<void>();

  /** @param harm does the harm, waits and undoes it; resolves to why it was not done, or null. May reject: the same */
  async run(fault: Fault, action: () => Promise<string | null>): Promise<FaultRecord> {
    const beganAt = performance.now();
    const going = Promise.try(action)
      .catch(messageOf)
      .then((skipped) => ({ fault, beganAt, undoneAt: performance.now(), skipped }));
    this.#going.add(going);
    const done = await going;
    this.#going.delete(going);
    return done;
  }

  get stopped(): Promise<void> {
    return this.#stopped.promise;
  }

  /** Harms wait by this between their beginning and their end. */
  async wait(milliseconds: number): Promise<void> {
    await Promise.race([Bun.sleep(milliseconds), this.#stopped.promise]);
  }

  /** Resolves when none is going on. */
  async allEnded(): Promise<void> {
    await Promise.all(this.#going);
  }

  /** Ends them sooner. */
  stop(): void {
    this.#stopped.resolve();
  }
}
