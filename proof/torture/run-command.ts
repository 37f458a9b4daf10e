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
  readonly shards: number;
  readonly replicas: number;
  readonly out?: string;
  readonly json?: boolean;
}

/** Of seeds that are drawn: short enough to be typed. */
const SEED_MAX = 1_000_000_000;

/**
 * Runs a torture, shows its progress and writes its result.
 *
 * @param signal ends it at once
 * @returns the exit code: 0 if nothing was found, 1 for violations, 130 for an interrupted run
 * @throws {StartError} (exit code 2) if it could not run, or the result could not be written
 */
export async function runTorture(flags: TortureFlags, signal: AbortSignal): Promise<number> {
  const { seconds, seed = randomInt(SEED_MAX), faults, embedded, shards, replicas, json = false } = flags;
  if (embedded && shards + replicas > 1)
    throw new StartError(
      "the embedded ledger has no shards and no replicas: leave out --embedded, or these.",
      2,
    );
  // If JSON is asked for, the standard output has nothing but the result.
  const say = json ? (line: string) => console.error(line) : (line: string) => console.log(line);
  say(`Seed ${seed}`);
  const out = flags.out ?? join("reports", `${timestamp(new Date())}-torture`);
  // Made before the run: if the folder cannot be written to, no minutes are lost.
  makeFolder(out);
  const progress = new ProgressDisplay(seconds, say);
  const result = await torture({
    seconds,
    seed,
    kinds: faults,
    embedded,
    form: { shards, replicas },
    dependencies: TORTURE_DEPENDENCIES,
    onProgress: (one) => progress.show(one),
    signal,
  })
    .catch((error: unknown) => {
      if (error instanceof StartError) throw error;
      // Exit code 1 is for violations; a failure of the torture itself is none.
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
 * @throws {StartError} (exit code 2) if a file is not a result, or the report cannot be written
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
