import { Cgroup } from "../cgroup/cgroup.ts";
import type { Usage } from "../cgroup/limits-and-usage.ts";
import type { Submission } from "./submission.ts";

const SAMPLE_MILLISECONDS = 500;

/** The name under which the usage of all processes together is reported. No service has this name. */
export const WHOLE_SYSTEM = "whole";

/** The usage of one service, or of the whole system, up to one moment. */
export interface ServiceUsage extends Usage {
  /** The highest sample so far of memory without cached files. */
  readonly memoryHeldPeakBytes: number;
}

/**
 * The usage of a group, with its peaks so far.
 *
 * @param before the result of the last time; undefined the first time
 */
export function updatedUsage(before: ServiceUsage | undefined, usage: Usage): ServiceUsage {
  return {
    ...usage,
    // Older kernels record no peak for version 2 and give the current amount instead.
    memoryPeakBytes: Math.max(before?.memoryPeakBytes ?? 0, usage.memoryPeakBytes),
    memoryHeldPeakBytes: Math.max(before?.memoryHeldPeakBytes ?? 0, usage.memoryHeldBytes),
  };
}

/**
 * Creates a control group with its limits for each service, below one group for all of them, and measures what they
 * use. The kernel counts everything except the peak of memory without cached files (and, with version 2 before Linux
 * 5.19, any peak of memory), so that is sampled twice a second.
 */
export class ResourceUsageMonitor {
  readonly #whole: Cgroup;
  readonly #groups = new Map<string, Cgroup>();
  readonly #latest = new Map<string, ServiceUsage>();
  readonly #timer: Timer;

  /** @throws Error if groups cannot be created */
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

  /** Put in front of the command of a service's process to start it in its group. */
  commandPrefix(name: string): readonly string[] {
    return this.#groups.get(name)?.commandPrefix ?? [];
  }

  /** The usage of each service, and of the {@link WHOLE_SYSTEM}. */
  read(): ReadonlyMap<string, ServiceUsage> {
    const all = [...this.#groups, [WHOLE_SYSTEM, this.#whole] as const];
    for (const [name, group] of all) {
      this.#latest.set(name, updatedUsage(this.#latest.get(name), group.usage()));
    }
    return new Map(this.#latest);
  }

  /** Removes the groups. All their processes must have ended. */
  remove(): void {
    clearInterval(this.#timer);
    this.#removeGroups();
  }

  #removeGroups(): void {
    for (const group of this.#groups.values()) group.remove();
    this.#whole.remove();
  }
}
