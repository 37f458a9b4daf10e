import { messageOf } from "../../../src/errors.ts";
import type { Fault, FaultRecord, Hit } from "../plan/fault.ts";

/**
 * The faults that are in progress, each independent of the others. When the torture stops, all are undone at once.
 */
export class FaultsInProgress {
  readonly #going = new Set<Promise<FaultRecord>>();
  readonly #stopped = Promise.withResolvers<void>();

  /**
   * @param action does the fault, waits and undoes it; resolves to null, or to why it was not done. May reject with it
   *   It may call `hits` when it begins to harm those that have a role then, having waited for that
   */
  async run(
    fault: Fault,
    action: (hits: (hit: Hit) => void) => Promise<string | null>,
  ): Promise<FaultRecord> {
    let beganAt = performance.now();
    let hit: Hit | null = null;
    const hits = (found: Hit): void => {
      beganAt = performance.now();
      hit = found;
    };
    const going = Promise.try(action, hits)
      .catch(messageOf)
      .then((skipped): FaultRecord => {
        const record = { fault, beganAt, undoneAt: performance.now(), skipped };
        return hit === null ? record : { ...record, hit };
      });
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
