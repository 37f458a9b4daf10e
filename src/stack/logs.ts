import { copyFileSync, existsSync, readFileSync, renameSync, rmSync, statSync, truncateSync } from "node:fs";
import { messageOf } from "../errors.ts";
import { stackBounds } from "./stack-bounds.ts";

/** The one old log that is kept: the previous run's, or the older part of a log that has reached its bound. */
function rotated(log: string): string {
  return `${log}.1`;
}

export function rotateLog(log: string): void {
  rmSync(rotated(log), { force: true });
  if (existsSync(log)) renameSync(log, rotated(log));
}

/** Rotates a log that is too large. The process that writes to it has the file open, so it is copied and emptied. */
export function boundLog(log: string): void {
  if (!existsSync(log) || statSync(log).size < stackBounds.log_bytes_max) return;
  copyFileSync(log, rotated(log));
  truncateSync(log, 0);
}

/** The last lines of a log, joined to one line; "(empty)" if there are none. Does not throw. */
export function lastLines(log: string, count: number): string {
  let lines: string[];
  try {
    lines = existsSync(log) ? readFileSync(log, "utf8").split("\n") : [];
  } catch (error) {
    return `(it cannot be read: ${messageOf(error)})`;
  }
  const shown = lines.map((line) => line.trim()).filter((line) => line !== "");
  return shown.length === 0 ? "(empty)" : shown.slice(-count).join(" | ");
}
