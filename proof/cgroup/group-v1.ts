import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { HomesV1 } from "./layout.ts";
import type { Limits, Usage } from "./limits-and-usage.ts";
import { field } from "./stat-field.ts";

/** The length of a period of the CPU quota: the kernel's default, and what containers have. */
const PERIOD_MICROSECONDS = 100_000;

/** A group of version 1: the same name below each controller. The kernel counts in nanoseconds. */
export class GroupV1 {
  readonly #of: HomesV1;

  constructor(homes: HomesV1, name: string) {
    this.#of = {
      cpu: join(homes.cpu, name),
      cpuacct: join(homes.cpuacct, name),
      memory: join(homes.memory, name),
    };
  }

  get folders(): readonly string[] {
    return [...new Set([this.#of.cpu, this.#of.cpuacct, this.#of.memory])];
  }

  get homesOfChildren(): HomesV1 {
    return this.#of;
  }

  limit({ cpus, memoryBytes }: Limits): void {
    const { cpu, memory } = this.#of;
    if (cpus !== undefined) {
      writeFileSync(join(cpu, "cpu.cfs_period_us"), String(PERIOD_MICROSECONDS));
      writeFileSync(join(cpu, "cpu.cfs_quota_us"), String(Math.round(cpus * PERIOD_MICROSECONDS)));
    }
    if (memoryBytes === undefined) return;
    writeFileSync(join(memory, "memory.limit_in_bytes"), String(memoryBytes));
    // Memory and swap together: what does not fit must not go to disk unseen. Not every kernel counts swap.
    const withSwap = join(memory, "memory.memsw.limit_in_bytes");
    if (existsSync(withSwap)) writeFileSync(withSwap, String(memoryBytes));
  }

  usage(): Usage {
    const { cpu, cpuacct, memory } = this.#of;
    const cpuStat = readFileSync(join(cpu, "cpu.stat"), "utf8");
    const memoryStat = readFileSync(join(memory, "memory.stat"), "utf8");
    const number = (file: string): number => Number(readFileSync(join(memory, file), "utf8"));
    const memoryBytes = number("memory.usage_in_bytes");
    const files = field(memoryStat, "total_active_file") + field(memoryStat, "total_inactive_file");
    return {
      cpuMicroseconds: Number(readFileSync(join(cpuacct, "cpuacct.usage"), "utf8")) / 1000,
      periods: field(cpuStat, "nr_periods"),
      throttledPeriods: field(cpuStat, "nr_throttled"),
      throttledMicroseconds: field(cpuStat, "throttled_time") / 1000,
      memoryPeakBytes: number("memory.max_usage_in_bytes"),
      memoryBytes,
      memoryHeldBytes: Math.max(0, memoryBytes - files),
      oomKills: field(readFileSync(join(memory, "memory.oom_control"), "utf8"), "oom_kill"),
    };
  }
}
