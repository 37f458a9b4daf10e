import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { type ProcessIdentity, identityOf, isAlive } from "../../../src/stack/process-identity.ts";

/** Signals to a process with all its descendants: PostgreSQL runs a process for each client. */

const STOPPED_MILLISECONDS_MAX = 200;

/** kill -9 of a process and its descendants, frozen ones too. Resolves when none of them is left. */
export async function killTree(pid: number): Promise<void> {
  const tree = await stoppedTree(pid);
  for (const { pid: each } of tree) signal(each, "SIGKILL");
  while (tree.some(isAlive)) await Bun.sleep(2);
}

/** SIGSTOP. */
export async function freezeTree(pid: number): Promise<void> {
  for (const { pid: each } of await stoppedTree(pid)) signal(each, "SIGSTOP");
}

/** SIGCONT. */
export function thawTree(pid: number): void {
  for (const each of [...descendants(pid), pid]) signal(each, "SIGCONT");
}

/** Whether SIGSTOP has stopped it. Linux only; elsewhere false. */
export function isFrozen(pid: number): boolean {
  return stateOf(pid) === "T";
}

/** The process and its descendants. It is stopped first, so that it starts no more of them. */
async function stoppedTree(pid: number): Promise<ProcessIdentity[]> {
  signal(pid, "SIGSTOP");
  const deadline = performance.now() + STOPPED_MILLISECONDS_MAX;
  // The signal takes effect a moment after it was sent.
  while (existsSync("/proc/self/stat") && !"TZX".includes(stateOf(pid)) && performance.now() < deadline) {
    await Bun.sleep(1);
  }
  return [pid, ...descendants(pid)].flatMap((each) => identityOf(each) ?? []);
}

function descendants(pid: number): number[] {
  return childrenOf(pid).flatMap((child) => [child, ...descendants(child)]);
}

function childrenOf(pid: number): number[] {
  try {
    return numbers(readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8"));
  } catch {
    // It has ended, or this system has no such file.
    if (existsSync("/proc/self/task")) return [];
    return numbers(spawnSync("pgrep", ["-P", String(pid)], { encoding: "utf8" }).stdout);
  }
}

function numbers(text: string): number[] {
  return text.split(/\s+/).filter(Boolean).map(Number);
}

/** The kernel's letter for the state; "X" if there is no such process. */
function stateOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.charAt(stat.lastIndexOf(")") + 2);
  } catch {
    return "X";
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended by itself.
  }
}
