import type { Cgroup } from "../cgroup/cgroup.ts";
import { StartError } from "../../src/errors.ts";
import { ownCpuMicroseconds, readStats, treeCpuMicroseconds } from "./process-cpu.ts";

/** A system that is measured: its URL and its processes. */
export interface BenchTarget {
  readonly name: string;
  readonly url: string;
  /** The processes that run now. */
  processes(): readonly TargetProcess[];
  /** Resolves when the work that follows an answer is done as well: when everything answered is in the books. */
  settle(): Promise<void>;
  stop(): Promise<void>;
}

export interface TargetProcess {
  readonly name: string;
  readonly pid: number;
  /** Its child processes are listed separately, so only its own CPU is counted here. */
  readonly withoutChildren?: boolean;
}

/** Where the processes of a target run. */
export interface TargetLocation {
  /** An existing folder for the data of this target alone. */
  readonly folder: string;
  /** Limits all of its processes together; `null`: no limit. */
  readonly group: Cgroup | null;
  /** Settings that they have beside those of this process. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** The CPU time that each process has used so far, in microseconds; with its descendants, unless `withoutChildren`. */
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
 * The CPU time that each process has used since `before`, in microseconds, by name: of several with one name together.
 *
 * @throws StartError if one of them was restarted meanwhile: what it used is not known
 */
export function cpuSince(target: BenchTarget, before: CpuSnapshot): Map<string, number> {
  const after = readCpu(target);
  const used = new Map<string, number>();
  for (const [{ name, pid }, microseconds] of before) {
    const now = [...after].find(([process]) => process.name === name && process.pid === pid);
    if (now === undefined) throw endedMeanwhile(target, { name, pid });
    used.set(name, (used.get(name) ?? 0) + now[1] - microseconds);
  }
  return used;
}

function endedMeanwhile(target: BenchTarget, { name, pid }: TargetProcess): StartError {
  return new StartError(`${name} (${pid}) of ${target.name} ended while it was measured.`);
}
