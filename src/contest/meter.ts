import { Cgroup, type Usage } from "../cgroup/cgroup.ts";
import type { Submission } from "./submission.ts";

const SAMPLE_MILLISECONDS = 500;

/** The part that all of a system's processes are in; the name of no service. */
export const WHOLE = "whole";

/** What was seen of one process, or of the whole, until a moment. */
export interface Reading extends Usage {
  /** The highest of the samples of memory without files so far. */
  readonly memoryHeldPeakBytes: number;
}

/**
 * A control group for each service, below one for all of them, with its limits; and what they were seen to take.
 * The kernel counts everything but how much memory is held without files: that is looked at twice a second.
 */
export class Meter {
  readonly #whole: Cgroup;
  readonly #groups = new Map<string, Cgroup>();
  readonly #heldPeaks = new Map<string, number>();
  readonly #timer: Timer;

  /** @throws Error where groups cannot be made */
  constructor(submission: Submission) {
    this.#whole = Cgroup.create("contest", {});
    try {
      for (const [name, { limits }] of submission) {
        this.#groups.set(name, Cgroup.create(name, limits, this.#whole));
      }
    } catch (error) {
      this.#removeGroups();
      throw error;
    }
    this.#timer = setInterval(() => this.read(), SAMPLE_MILLISECONDS);
  }

  /** What comes before the command of the service's process. */
  enter(name: string): readonly string[] {
    return this.#groups.get(name)?.enter ?? [];
  }

  /** Of each service, and of the {@link WHOLE}. */
  read(): ReadonlyMap<string, Reading> {
    const all = [...this.#groups, [WHOLE, this.#whole] as const];
    return new Map(
      all.map(([name, group]) => {
        const usage = group.usage();
        const memoryHeldPeakBytes = Math.max(this.#heldPeaks.get(name) ?? 0, usage.memoryHeldBytes);
        this.#heldPeaks.set(name, memoryHeldPeakBytes);
        return [name, { ...usage, memoryHeldPeakBytes }];
      }),
    );
  }

  /** All processes have ended by then. */
  remove(): void {
    clearInterval(this.#timer);
    this.#removeGroups();
  }

  #removeGroups(): void {
    for (const group of this.#groups.values()) group.remove();
    this.#whole.remove();
  }
}
