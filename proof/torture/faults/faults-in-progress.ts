import { messageOf } from "../../../src/errors.ts";
import type { Fault, FaultRecord } from "../plan/fault.ts";

/**
 * The faults that are in progress, each independent of the others. When the torture stops, all are undone at once.
 */
export class FaultsInProgress {
  readonly #going = new Set<Promise<FaultRecord>>();
  readonly #stopped = Promise.withResolvers<void>();

  /**
   * @param action does the fault, waits and undoes it; resolves to null, or to why it was not done. May reject with it
   */
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

  /** Waits between the beginning and the end of a fault; ends early when the torture stops. */
  async wait(milliseconds: number): Promise<void> {
    await Promise.race([Bun.sleep(milliseconds), this.#stopped.promise]);
  }

  /** Resolves when none is in progress. */
  async allEnded(): Promise<void> {
    await Promise.all(this.#going);
  }

  /** Ends all of them early. */
  stop(): void {
    this.#stopped.resolve();
  }
}
