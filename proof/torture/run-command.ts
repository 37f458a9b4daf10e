import { randomInt } from "node:crypto";
import { join } from "node:path";
import { makeFolder, timestamp, writeText } from "../load-test/result-files.ts";
import { messageOf, StartError } from "../../src/errors.ts";
import type { FaultKind } from "./plan/fault.ts";
import { TORTURE_DEPENDENCIES } from "./dependencies.ts";
import { ProgressDisplay } from "./report/progress.ts";
import { reportOf } from "./report/markdown-report.ts";
import { readTortureResult, type TortureResult } from "./report/torture-result.ts";
import { torture } from "./torture.ts";
import { summaryOf } from "./report/summary.ts";

export interface TortureFlags {
  readonly seconds: number;
  readonly seed?: number;
  readonly faults: readonly FaultKind[];
  readonly embedded: boolean;
  readonly out?: string;
  readonly json?: boolean;
}

/** Seeds that are drawn: short enough to be typed again. */
const SEED_MAX = 1_000_000_000;

/**
 * Runs a torture, shows how it goes, writes its result, and says which exit code it deserves: 0 for nothing found, 1
 * for violations, 130 for an interrupted run.
 *
 * @param signal ends it where it stands
 * @throws {StartError} (exit code 2) where it could not run, or the result not be written
 */
export async function runTorture(flags: TortureFlags, signal: AbortSignal): Promise<number> {
  const { seconds, seed = randomInt(SEED_MAX), faults, embedded, json = false } = flags;
  // The standard output is the result's alone where it is asked for as JSON.
  const say = json ? (line: string) => console.error(line) : (line: string) => console.log(line);
  say(`Seed ${seed}`);
  const out = flags.out ?? join("reports", `${timestamp(new Date())}-torture`);
  // Made before the run: its minutes would be lost to a folder that cannot be written to.
  makeFolder(out);
  const progress = new ProgressDisplay(seconds, say);
  const result = await torture({
    seconds,
    seed,
    kinds: faults,
    embedded,
    dependencies: TORTURE_DEPENDENCIES,
    onProgress: (one) => progress.show(one),
    signal,
  })
    .catch((error: unknown) => {
      if (error instanceof StartError) throw error;
      // Exit code 1 is for what was found: that the torture itself fails is no finding.
      throw new StartError(`the torture itself failed: ${stackOf(error)}`, 2);
    })
    .finally(() => progress.stop());

  const path = join(out, "result.json");
  const text = JSON.stringify(result, null, 2);
  writeText(path, `${text}\n`);
  say(`\n${summaryOf(result)}\nResult: ${path}`);
  if (json) console.log(text);
  return exitCodeOf(result);
}

function exitCodeOf({ violationsInAll, interrupted }: TortureResult): number {
  if (violationsInAll > 0) return 1;
  return interrupted ? 130 : 0;
}

function stackOf(error: unknown): string {
  return error instanceof Error && error.stack !== undefined ? error.stack : messageOf(error);
}

/**
 * Prints several results together as Markdown, or writes them to a file.
 *
 * @throws {StartError} (exit code 2) where a file is no result, or the report cannot be written
 */
export function reportTortures(paths: readonly string[], out: string | undefined): void {
  const report = reportOf(paths.map(readTortureResult));
  if (out === undefined) {
    process.stdout.write(report);
    return;
  }
  writeText(out, report);
  console.log(`Report: ${out}`);
}
