import { afterAll } from "bun:test";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { temporaryFolders } from "./temporary-folder.ts";

/**
 * To be called once at the top of a test file: fails the run where a test of the file leaves a process or a folder
 * behind. It looks at the machine, not at what the tests believe to have cleaned up; then it cleans up itself, so
 * that one leak is told once.
 */
export function failOnLeaks(): void {
  afterAll(() => {
    const processes = children(process.pid);
    const folders = temporaryFolders();
    for (const { pid } of processes) process.kill(pid, "SIGKILL");
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
    const leaks = [...processes.map(({ pid, command }) => `process ${pid} (${command})`), ...folders];
    if (leaks.length > 0) throw new Error(`tests left behind: ${leaks.join(", ")}`);
  });
}

/** Live children of a process. Read from /proc: where there is none, nothing can be told. */
function children(parent: number): { pid: number; command: string }[] {
  if (process.platform !== "linux") return [];
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    const stat = readIfThere(`/proc/${name}/stat`);
    // "pid (command) state parent ...": the command may itself have blanks and parentheses.
    const [state, ppid] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (Number(ppid) !== parent || state === "Z") return [];
    return [
      { pid: Number(name), command: readIfThere(`/proc/${name}/cmdline`).replaceAll("\0", " ").trim() },
    ];
  });
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // The process ended in between.
    return "";
  }
}
