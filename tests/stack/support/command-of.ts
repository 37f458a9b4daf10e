import { readFileSync } from "node:fs";

/** A process's command line; empty where it has ended meanwhile. */
export function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}
