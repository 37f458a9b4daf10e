import { randomInt } from "node:crypto";
import { rmdirSync } from "node:fs";
import { join } from "node:path";
import { loadTestBounds } from "./load-test-bounds.ts";
import { makeFolder, readResult, timestamp, writeText } from "./result-files.ts";
import { LoadTest } from "./load-test.ts";
import { LoadProgress } from "./progress.ts";
import type { Html } from "./report/html.ts";
import { renderComparison, renderReport } from "./report/render-report.ts";
import type { RunResult } from "./run-result.ts";
import type { LoadShape } from "./phases/schedule.ts";
import { summaryOf } from "./summary.ts";
import { findTarget, type LoadTarget } from "./http/load-target.ts";

export interface RunOptions extends LoadShape {
  readonly url: string;
  /** Default: a new one. */
  readonly seed?: number;
  /** How long a request may take, in seconds. Default: by the scale. */
  readonly timeout?: number;
  /** The folder for the files. Default: `reports/` and the time. */
  readonly out?: string;
  /** Writes the result to standard output and everything else to standard error. */
  readonly json?: boolean;
}

/**
 * Runs the test, shows its progress, writes its result and report, and sets the process's exit code.
 *
 * @throws {StartError} (exit code 2) if it could not run, or the files could not be written
 */
export async function runLoadTest(options: RunOptions): Promise<void> {
  // With --json, standard output holds nothing but the result.
  const say = options.json ? console.error : console.log;
  const target = await findTarget(options.url);
  const folder = options.out ?? defaultReportFolder();
  // Made before the run, so that an unwritable folder does not cost a run of four minutes.
  const made = makeFolder(folder);
  const interruption = new AbortController();
  const stopListening = onInterrupts(() => interruption.abort());
  let result: RunResult;
  try {
    result = await runShowingProgress(target, options, say, interruption.signal);
  } catch (error) {
    if (made) rmdirSync(folder);
    throw error;
  } finally {
    stopListening();
  }
  say(`\n${summaryOf(result)}\n\n${writeReport(folder, result)}\nAgain:  ${result.command}`);
  if (options.json) console.log(JSON.stringify(result, null, 2));
  process.exitCode = result.verdict.passed ? 0 : 1;
}

/**
 * Runs the test and shows its progress.
 *
 * @param interruption ends the run soon; the result holds what was measured so far
 * @throws {StartError} (exit code 2) if the system is not fresh
 */
export async function runShowingProgress(
  target: LoadTarget,
  options: LoadShape & { readonly seed?: number; readonly timeout?: number },
  say: (line: string) => void,
  interruption: AbortSignal,
): Promise<RunResult> {
  const { scale, rate, timeout, seed = randomInt(loadTestBounds.seed_max) } = options;
  const test = new LoadTest({ target, scale, rate, seed, timeout });
  say(`Testing ${target.url} (scale ${scale}, rate ${rate}, seed ${seed})`);
  const progress = new LoadProgress(() => test.status());
  const interrupt = (): void => test.interrupt();
  interruption.addEventListener("abort", interrupt);
  if (interruption.aborted) interrupt();
  return test.run().finally(() => {
    progress.stop();
    interruption.removeEventListener("abort", interrupt);
  });
}

/**
 * Writes result.json and report.html.
 *
 * @param appendix a section for the page, after the load test's own
 * @returns a text that says where the files are
 * @throws {StartError} (exit code 2) if they could not be written
 */
export function writeReport(folder: string, result: RunResult, appendix: Html | null = null): string {
  const resultPath = join(folder, "result.json");
  const reportPath = join(folder, "report.html");
  writeText(resultPath, `${JSON.stringify(result, null, 2)}\n`);
  writeText(reportPath, renderReport(result, appendix));
  return `Report: ${reportPath}\nResult: ${resultPath}`;
}

/**
 * Writes a page that shows two results side by side.
 *
 * @throws {StartError} (exit code 2) if a file is not a result, or the page could not be written
 */
export function compareResults(a: string, b: string, options: { readonly out?: string }): void {
  const page = renderComparison(readResult(a), readResult(b));
  const path = join(options.out ?? defaultReportFolder(), "compare.html");
  writeText(path, page);
  console.log(`Comparison: ${path}`);
}

/** Where the files of a run go if no folder is given. */
export function defaultReportFolder(): string {
  return join("reports", timestamp(new Date()));
}

/** One Ctrl-C may arrive twice, from the terminal and from npm. A repeat within this time is not a second Ctrl-C. */
const SAME_INTERRUPT_MILLISECONDS = 500;

/** @returns a function that stops listening */
function onInterrupts(first: () => void): () => void {
  let firstAt: number | null = null;
  const listener = () => {
    if (firstAt === null) {
      firstAt = performance.now();
      console.error("\nEnding the run; Ctrl-C once more ends it at once.");
      first();
    } else if (performance.now() - firstAt > SAME_INTERRUPT_MILLISECONDS) {
      process.exit(130);
    }
  };
  process.on("SIGINT", listener);
  return () => process.removeListener("SIGINT", listener);
}
