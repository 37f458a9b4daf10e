import type { Cgroup } from "../cgroup/cgroup.ts";
import { StartError } from "../../src/errors.ts";
import { ownCpuMicroseconds, readStats, treeCpuMicroseconds } from "./process-cpu.ts";

/** A system that is measured: where it answers, and the processes that it is made of. */
export interface BenchTarget {
  readonly name: string;
  readonly url: string;
  /** As they run now. */
  processes(): readonly TargetProcess[];
  /** Resolves when what was answered is done behind the answers, too: when it is in the books. */
  settle(): Promise<void>;
  stop(): Promise<void>;
}

export interface TargetProcess {
  readonly name: string;
  readonly pid: number;
  /** What is below it is told by itself: only its own CPU counts here. */
  readonly withoutChildren?: boolean;
}

/** Where a target's processes run. */
export interface TargetLocation {
  /** An existing folder of its own, for its data. */
  readonly folder: string;
  /** Bounds all of its processes together; `null`: nothing does. */
  readonly group: Cgroup | null;
}

/** What each process, with all below it unless it is told alone, has used so far, in microseconds of CPU. */
export type CpuSnapshot = ReadonlyMap<TargetProcess, number>;

export function readCpu(target: BenchTarget): CpuSnapshot {
  const stats = readStats();
  return new Map(
    target.processes().map((process) => {
      const cpuOf = process.withoutChildren === true ? ownCpuMicroseconds : treeCpuMicroseconds;
      const used = cpuOf(process.pid, stats);
      if (used === null) throw endedMeanwhile(target, process);
      return [process, used];
    }),
  );
}

/**
 * What each process used since `before`, in microseconds of CPU, by name.
 *
 * @throws StartError where one of them was started again meanwhile: what it used is not known
 */
export function cpuSince(target: BenchTarget, before: CpuSnapshot): Map<string, number> {
  const after = readCpu(target);
  const used = new Map<string, number>();
  for (const [{ name, pid }, microseconds] of before) {
    const now = [...after].find(([process]) => process.name === name && process.pid === pid);
    if (now === undefined) throw endedMeanwhile(target, { name, pid });
    used.set(name, now[1] - microseconds);
  }
  return used;
}

function endedMeanwhile(target: BenchTarget, { name, pid }: TargetProcess): StartError {
  return new StartError(`${name} (${pid}) of ${target.name} ended while it was measured.`);
}
