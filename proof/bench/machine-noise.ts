import { closeSync, fdatasyncSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { grouped, percentile, spreadOf } from "./statistics.ts";

/** Linux counts CPU time in ticks of a hundredth of a second (USER_HZ). */
const MICROSECONDS_A_TICK = 10_000;
const SYNCS = 200;
const SYNCED_BYTES = 4096;
/** From these shares on, the output has a note. */
const STOLEN_NOTED = 0.02;
const OTHERS_NOTED = 0.08;

/** CPU time of the whole machine since its start, in microseconds, all cores together. */
export interface MachineCpu {
  readonly busyMicroseconds: number;
  /** What the host gave to other machines while this one had work to do (steal). */
  readonly stolenMicroseconds: number;
  readonly totalMicroseconds: number;
}

/** @param text text of /proc/stat, whose first line is the sum of all cores */
export function parseMachineCpu(text: string): MachineCpu {
  const ticks = /^cpu +(.*)$/m.exec(text)?.[1]?.split(" ").map(Number) ?? [];
  const [user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0] = ticks;
  const busy = user + nice + system + irq + softirq;
  return {
    busyMicroseconds: busy * MICROSECONDS_A_TICK,
    stolenMicroseconds: steal * MICROSECONDS_A_TICK,
    totalMicroseconds: (busy + idle + iowait + steal) * MICROSECONDS_A_TICK,
  };
}

export function readMachineCpu(): MachineCpu {
  return parseMachineCpu(readFileSync("/proc/stat", "utf8"));
}

/** What else the machine did during a measurement, as shares (0 to 1) of all cores. */
export interface Noise {
  readonly stolen: number;
  /** Used by neither the system nor the load generator. */
  readonly others: number;
}

/** @param usedMicroseconds CPU time used by the measured system and by what measured it */
export function noiseBetween(before: MachineCpu, after: MachineCpu, usedMicroseconds: number): Noise {
  const whole = Math.max(1, after.totalMicroseconds - before.totalMicroseconds);
  const others = after.busyMicroseconds - before.busyMicroseconds - usedMicroseconds;
  return {
    stolen: (after.stolenMicroseconds - before.stolenMicroseconds) / whole,
    others: Math.max(0, others) / whole,
  };
}

/**
 * Watches the machine from now on.
 *
 * @returns a function to be called at the end, with the CPU time in microseconds that the measured system and the load
 *   generator used meanwhile. The CPU time of this process is added to that.
 */
export function watchNoise(): (usedMicroseconds: number) => Noise {
  const before = readMachineCpu();
  const atFirst = process.cpuUsage();
  return (usedMicroseconds) => {
    const { user, system } = process.cpuUsage(atFirst);
    return noiseBetween(before, readMachineCpu(), usedMicroseconds + user + system);
  };
}

/** What a reader has to know about the machine, in sentences; none if it was quiet. */
export function noiseNotes(noises: readonly Noise[]): string[] {
  const percent = (share: number): string => `${grouped(share * 100, 0)} %`;
  const stolen = spreadOf(noises.map((noise) => noise.stolen)).greatest;
  const others = spreadOf(noises.map((noise) => noise.others)).median;
  return [
    ...(stolen >= STOLEN_NOTED
      ? [`NOISY: the host took up to ${percent(stolen)} of the machine away (steal)`]
      : []),
    ...(others >= OTHERS_NOTED ? [`NOISY: other programs used ${percent(others)} of the machine`] : []),
  ];
}

export function describeMachine(): string {
  return `${cpus().length} × ${cpus()[0]?.model.trim()}, Bun ${Bun.version}`;
}

/**
 * The median time of a write of 4 kB with fdatasync in a folder, in microseconds: the least that durability costs
 * there.
 */
export function syncMicroseconds(folder: string): number {
  const file = join(folder, "sync");
  const descriptor = openSync(file, "w");
  try {
    const block = new Uint8Array(SYNCED_BYTES);
    const times = Array.from({ length: SYNCS }, () => {
      const begun = performance.now();
      writeSync(descriptor, block);
      fdatasyncSync(descriptor);
      return (performance.now() - begun) * 1000;
    });
    return percentile(times, 0.5);
  } finally {
    closeSync(descriptor);
    rmSync(file);
  }
}
