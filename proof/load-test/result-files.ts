import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { messageOf, StartError } from "../../src/errors.ts";
import type { RunResult } from "./run-result.ts";

const FORMAT: RunResult["format"] = "razonete-load-1";

/**
 * A result that an earlier run has written.
 *
 * @throws {StartError} (exit code 2) where the file cannot be read, or is none
 */
export function readResult(path: string): RunResult {
  const parsed = parse(
    path,
    attempt(`read ${path}`, () => readFileSync(path, "utf8")),
  );
  if (!isResult(parsed)) throw new StartError(`${path} is not a result of this load test (${FORMAT}).`, 2);
  return parsed;
}

/** By its format, which names all that a reader relies on: a file that was edited by hand is its editor's. */
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

/** Makes a folder and those above it, where they are missing. @throws {StartError} (exit code 2) */
export function makeFolder(path: string): void {
  attempt(`make the folder ${path}`, () => mkdirSync(path, { recursive: true }));
}

/** A time that can be part of a file's name and sorts by its text: 20240117T023441. */
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
