import { Cgroup } from "../cgroup/cgroup.ts";
import type { Usage } from "../cgroup/limits-and-usage.ts";
import type { Submission } from "./submission.ts";

const SAMPLE_MILLISECONDS = 500;

/** The part that all of a system's processes are in; the name of no service. */
export const WHOLE_SYSTEM = "whole";

/** What was seen of one process, or of the whole, until a moment. */
export interface ServiceUsage extends Usage {
  /** The highest of the samples of memory without files so far. */
  readonly memoryHeldPeakBytes: number;
}

/**
 * What is known of a group by now.
 *
 * @param before what was known when it was looked at last
 */
export function updatedUsage(before: ServiceUsage | undefined, usage: Usage): ServiceUsage {
  return {
    ...usage,
    // Older kernels keep no peak for version 2, and what is told instead is what there is at the moment.
    memoryPeakBytes: Math.max(before?.memoryPeakBytes ?? 0, usage.memoryPeakBytes),
    memoryHeldPeakBytes: Math.max(before?.memoryHeldPeakBytes ?? 0, usage.memoryHeldBytes),
  };
}

/**
 * A control group for each service, below one for all of them, with its limits; and what they were seen to take.
 * The kernel counts everything but how much memory is held without files (old ones of version 2 keep no peak of memory
 * at all): that is looked at twice a second.
 */
export class ResourceUsageMonitor {
  readonly #whole: Cgroup;
  readonly #groups = new Map<string, Cgroup>();
  readonly #latest = new Map<string, ServiceUsage>();
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
  commandPrefix(name: string): readonly string[] {
    return this.#groups.get(name)?.commandPrefix ?? [];
  }

  /** Of each service, and of the {@link WHOLE_SYSTEM}. */
  read(): ReadonlyMap<string, ServiceUsage> {
    const all = [...this.#groups, [WHOLE_SYSTEM, this.#whole] as const];
    for (const [name, group] of all) {
      this.#latest.set(name, updatedUsage(this.#latest.get(name), group.usage()));
    }
    return new Map(this.#latest);
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
