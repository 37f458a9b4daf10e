import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";

/** Process id and start time: together they identify a process, even after its id was reused. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Only for comparison. On Linux the id of the boot and the clock tick, elsewhere the time in seconds. */
  readonly started: string;
}

/** `null` if no process has this id, or only one that has ended. */
export function identityOf(pid: number): ProcessIdentity | null {
  const started = existsSync("/proc/self/stat") ? startedByProc(pid) : startedByPs(pid);
  return started === null ? null : { pid, started };
}

export function isAlive(identity: ProcessIdentity): boolean {
  return identityOf(identity.pid)?.started === identity.started;
}

function startedByProc(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name in parentheses may contain anything. After it come the state (third field) and the tick (22nd field).
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (fields[0] === "Z" || fields[0] === "X") return null;
    return `${readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()} ${fields[19]}`;
  } catch {
    return null;
  }
}

function startedByPs(pid: number): string | null {
  const { stdout } = spawnSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8" });
  return stdout.trim() || null;
}
