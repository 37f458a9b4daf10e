import { readdirSync, readFileSync, rmdirSync } from "node:fs";
import { basename, join } from "node:path";
import { identityOf, isAlive } from "../../src/stack/process-identity.ts";

/** Every group name starts with the process that created it: its process id and the clock tick of its start. */
const GROUP_NAME = /^razonete-(\d+)-(\d+)-/;

const BUSY_MILLISECONDS_MAX = 2_000;

/** The name of a group that this process creates. */
export function ownGroupName(name: string): string {
  return `razonete-${process.pid}-${tickOf(identityOf(process.pid)?.started)}-${name}`;
}

/**
 * Removes the groups below these folders whose creator no longer runs, and kills the processes in them. Groups of a run
 * that is still going on are left alone.
 */
export function removeOrphanedGroups(folders: readonly string[]): void {
  for (const left of folders.flatMap(orphanedBelow)) {
    try {
      removeTree(left);
    } catch {
      // Its processes are not visible from here, for example from a container. Their side has to remove it.
      continue;
    }
  }
}

/**
 * Removes a group without processes. A group is busy for a moment after its last process has ended.
 *
 * @throws Error if it stays busy: there is still a process in it
 */
export function removeGroup(folder: string): void {
  const deadline = performance.now() + BUSY_MILLISECONDS_MAX;
  for (;;) {
    try {
      rmdirSync(folder);
      return;
    } catch (error) {
      const code = error instanceof Error && "code" in error ? error.code : "";
      if (code === "ENOENT") return;
      if (code !== "EBUSY" || performance.now() > deadline) throw error;
      Bun.sleepSync(5);
    }
  }
}

function removeTree(folder: string): void {
  for (const child of foldersIn(folder)) removeTree(child);
  for (const pid of processesIn(folder)) kill(pid);
  removeGroup(folder);
}

function orphanedBelow(folder: string): string[] {
  return foldersIn(folder).flatMap((path) => {
    const maker = GROUP_NAME.exec(basename(path));
    if (maker === null) return orphanedBelow(path);
    const [, pid, tick] = maker;
    const identity = identityOf(Number(pid));
    return identity !== null && isAlive(identity) && tickOf(identity.started) === tick ? [] : [path];
  });
}

/**
 * The clock tick at which a process started. Groups do not survive a reboot, so the rest of the identity is not
 * needed.
 */
function tickOf(started: string | undefined): string {
  return started?.split(" ").at(-1) ?? "0";
}

function foldersIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() ? [join(folder, entry.name)] : [],
    );
  } catch {
    // It was removed in between.
    return [];
  }
}

function processesIn(folder: string): number[] {
  try {
    const lines = readFileSync(join(folder, "cgroup.procs"), "utf8").trim().split("\n");
    // 0 stands for a process that this one cannot see.
    return lines.map(Number).filter((pid) => pid > 0);
  } catch {
    return [];
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has just ended.
    return;
  }
}
