import { copyFileSync, existsSync, readFileSync, renameSync, rmSync, statSync, truncateSync } from "node:fs";
import { stackBounds } from "./stack-bounds.ts";

/** Where a log's contents go when a new run begins or when it has grown to its bound; what was there is dropped. */
function rotated(log: string): string {
  return `${log}.1`;
}

export function rotateLog(log: string): void {
  rmSync(rotated(log), { force: true });
  if (existsSync(log)) renameSync(log, rotated(log));
}

/** Bounds a log that a process has open for appending: the file stays the same one, so the process need not know. */
export function boundLog(log: string): void {
  if (!existsSync(log) || statSync(log).size < stackBounds.log_bytes_max) return;
  copyFileSync(log, rotated(log));
  truncateSync(log, 0);
}

/** The last lines of a log as one line, or a word for an empty one. */
export function lastLines(log: string, count: number): string {
  const lines = existsSync(log) ? readFileSync(log, "utf8").split("\n") : [];
  const shown = lines.map((line) => line.trim()).filter((line) => line !== "");
  return shown.length === 0 ? "(empty)" : shown.slice(-count).join(" | ");
}
