import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { hasControllers } from "./layout.ts";
import type { Limits, Usage } from "./limits-and-usage.ts";
import { statField } from "./stat-field.ts";

/** The length of a period of the CPU quota: the default of the kernel and of containers. */
const PERIOD_MICROSECONDS = 100_000;

/** A group of version 2: one folder for all controllers. The kernel counts in microseconds. */
export class GroupV2 {
  readonly #folder: string;

  constructor(parent: string, name: string) {
    this.#folder = join(parent, name);
  }

  get folders(): readonly string[] {
    return [this.#folder];
  }

  /** Delegates the controllers to child groups. From then on no process can enter this group itself. */
  get parentFolderForChildren(): string {
    delegateControllers(this.#folder);
    return this.#folder;
  }

  limit({ cpus, memoryBytes }: Limits): void {
    if (cpus !== undefined) {
      const quota = Math.round(cpus * PERIOD_MICROSECONDS);
      writeFileSync(join(this.#folder, "cpu.max"), `${quota} ${PERIOD_MICROSECONDS}`);
    }
    if (memoryBytes === undefined) return;
    writeFileSync(join(this.#folder, "memory.max"), String(memoryBytes));
    // So that memory over the limit is not swapped out unnoticed. Not every kernel has swap.
    const swap = join(this.#folder, "memory.swap.max");
    if (existsSync(swap)) writeFileSync(swap, "0");
  }

  usage(): Usage {
    const read = (file: string): string => readFileSync(join(this.#folder, file), "utf8");
    const cpuStat = read("cpu.stat");
    const memoryStat = read("memory.stat");
    const memoryBytes = Number(read("memory.current"));
    // Linux counts the peak since 5.19. Before that, a caller who needs it has to sample often and keep the highest.
    const peak = existsSync(join(this.#folder, "memory.peak")) ? Number(read("memory.peak")) : memoryBytes;
    const files = statField(memoryStat, "active_file") + statField(memoryStat, "inactive_file");
    return {
      cpuMicroseconds: statField(cpuStat, "usage_usec"),
      periods: statField(cpuStat, "nr_periods"),
      throttledPeriods: statField(cpuStat, "nr_throttled"),
      throttledMicroseconds: statField(cpuStat, "throttled_usec"),
      memoryPeakBytes: peak,
      memoryBytes,
      memoryHeldBytes: Math.max(0, memoryBytes - files),
      oomKills: statField(read("memory.events"), "oom_kill"),
    };
  }
}

/**
 * Lets groups below this one use the controllers.
 *
 * @throws Error if the group has processes, or belongs to another user
 */
export function delegateControllers(folder: string): void {
  const control = join(folder, "cgroup.subtree_control");
  if (hasControllers(readFileSync(control, "utf8"))) return;
  writeFileSync(control, "+cpu +memory");
}
