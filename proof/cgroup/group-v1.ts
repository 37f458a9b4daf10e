import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ParentFoldersV1 } from "./layout.ts";
import type { Limits, Usage } from "./limits-and-usage.ts";
import { statField } from "./stat-field.ts";

/** The length of a period of the CPU quota: the default of the kernel and of containers. */
const PERIOD_MICROSECONDS = 100_000;

/** A group of version 1: a folder of the same name below each controller. The kernel counts in nanoseconds. */
export class GroupV1 {
  readonly #byController: ParentFoldersV1;

  constructor(parents: ParentFoldersV1, name: string) {
    this.#byController = {
      cpu: join(parents.cpu, name),
      cpuacct: join(parents.cpuacct, name),
      memory: join(parents.memory, name),
    };
  }

  get folders(): readonly string[] {
    return [...new Set([this.#byController.cpu, this.#byController.cpuacct, this.#byController.memory])];
  }

  get parentFoldersForChildren(): ParentFoldersV1 {
    return this.#byController;
  }

  limit({ cpus, memoryBytes }: Limits): void {
    const { cpu, memory } = this.#byController;
    if (cpus !== undefined) {
      writeFileSync(join(cpu, "cpu.cfs_period_us"), String(PERIOD_MICROSECONDS));
      writeFileSync(join(cpu, "cpu.cfs_quota_us"), String(Math.round(cpus * PERIOD_MICROSECONDS)));
    }
    if (memoryBytes === undefined) return;
    writeFileSync(join(memory, "memory.limit_in_bytes"), String(memoryBytes));
    // Limits memory and swap together, so that memory over the limit is not swapped out unnoticed. Not every kernel
    // counts swap.
    const withSwap = join(memory, "memory.memsw.limit_in_bytes");
    if (existsSync(withSwap)) writeFileSync(withSwap, String(memoryBytes));
  }

  usage(): Usage {
    const { cpu, cpuacct, memory } = this.#byController;
    const cpuStat = readFileSync(join(cpu, "cpu.stat"), "utf8");
    const memoryStat = readFileSync(join(memory, "memory.stat"), "utf8");
    const number = (file: string): number => Number(readFileSync(join(memory, file), "utf8"));
    const memoryBytes = number("memory.usage_in_bytes");
    const files = statField(memoryStat, "total_active_file") + statField(memoryStat, "total_inactive_file");
    return {
      cpuMicroseconds: Number(readFileSync(join(cpuacct, "cpuacct.usage"), "utf8")) / 1000,
      periods: statField(cpuStat, "nr_periods"),
      throttledPeriods: statField(cpuStat, "nr_throttled"),
      throttledMicroseconds: statField(cpuStat, "throttled_time") / 1000,
      memoryPeakBytes: number("memory.max_usage_in_bytes"),
      memoryBytes,
      memoryHeldBytes: Math.max(0, memoryBytes - files),
      oomKills: statField(readFileSync(join(memory, "memory.oom_control"), "utf8"), "oom_kill"),
    };
  }
}
