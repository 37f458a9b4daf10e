import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { PostgresNode } from "./pair-plan.ts";

/**
 * The file that says which of the two PostgreSQL is the primary. It is written before a standby is promoted: from then on the
 * other one is never started as it is. It is on disk before anything goes on.
 */
export function writePrimary(path: string, { name }: Pick<PostgresNode, "name">): void {
  const file = fileIn(path);
  const next = openSync(`${file}.next`, "w", 0o600);
  try {
    writeSync(next, `${name}\n`);
    fsyncSync(next);
  } finally {
    closeSync(next);
  }
  renameSync(`${file}.next`, file);
  const folder = openSync(path, "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/** `null` where none was chosen yet. */
export function readPrimary(path: string): string | null {
  try {
    return readFileSync(fileIn(path), "utf8").trim();
  } catch {
    return null;
  }
}

function fileIn(path: string): string {
  return join(path, "postgres-primary");
}
