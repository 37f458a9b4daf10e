import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { messageOf, StartError } from "../../src/errors.ts";
import type { RunResult } from "./run-result.ts";

const FORMAT: RunResult["format"] = "razonete-load-1";

/**
 * Reads a result that an earlier run wrote.
 *
 * @throws {StartError} (exit code 2) if the file cannot be read, or is not a result
 */
export function readResult(path: string): RunResult {
  const parsed = parse(
    path,
    attempt(`read ${path}`, () => readFileSync(path, "utf8")),
  );
  if (!isResult(parsed)) throw new StartError(`${path} is not a result of this load test (${FORMAT}).`, 2);
  return parsed;
}

/**
 * Checks only `format`, which stands for everything that a reader relies on. Hand-edited files are at the editor's
 * own risk.
 */
function isResult(value: unknown): value is RunResult {
  return typeof value === "object" && value !== null && "format" in value && value.format === FORMAT;
}

/** @throws {StartError} (exit code 2) */
export function writeText(path: string, text: string): void {
  attempt(`write ${path}`, () => {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  });
}

/**
 * Makes a folder, and its parents if they are missing.
 *
 * @returns whether it was not there before
 * @throws {StartError} (exit code 2)
 */
export function makeFolder(path: string): boolean {
  return attempt(`make the folder ${path}`, () => mkdirSync(path, { recursive: true })) !== undefined;
}

/** A time as text for a file name; sorts in order of time: 20240117T023441. */
export function timestamp(time: Date): string {
  return time.toISOString().replace(/\..*$/, "").replaceAll(/[-:]/g, "");
}

function parse(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new StartError(`${path} is not JSON.`, 2);
  }
}

function attempt<T>(what: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw new StartError(`cannot ${what} (${messageOf(error)}).`, 2);
  }
}
