import { randomInt } from "node:crypto";
import { join } from "node:path";
import { bounds } from "./bounds.ts";
import { makeFolder, readResult, timestamp, writeText } from "./files.ts";
import { LoadTest } from "./load-test.ts";
import { Progress } from "./progress.ts";
import { renderComparison, renderReport } from "./report/report.ts";
import type { Shape } from "./schedule.ts";
import { summaryOf } from "./summary.ts";
import { findTarget } from "./target.ts";

export interface RunOptions extends Shape {
  readonly url: string;
  /** A new one, if not given. */
  readonly seed?: number;
  /** The folder for the files; `reports/` and the time, if not given. */
  readonly out?: string;
  /** The result goes to the standard output, all else to the standard error. */
  readonly json?: boolean;
}

/**
 * Runs the test, shows how it goes, writes its result and its report, and sets the process's exit code.
 *
 * @throws {StartError} (exit code 2) where it could not run, or the files could not be written
 */
export async function runLoadTest(options: RunOptions): Promise<void> {
  const { url, scale, rate, seed = randomInt(bounds.seed_max), json = false } = options;
  // The standard output is the result's alone where it is asked for as JSON.
  const say = json ? console.error : console.log;
  const target = await findTarget(url);
  const folder = options.out ?? reportFolder();
  // Made before the run: its four minutes would be lost to a folder that cannot be written to.
  makeFolder(folder);
  const test = new LoadTest({ target, scale, rate, seed });
  say(`Testing ${url} (scale ${scale}, rate ${rate}, seed ${seed})`);
  const progress = new Progress(() => test.status());
  const stopListening = onInterrupts(() => test.interrupt());
  const result = await test.run().finally(() => {
    progress.stop();
    stopListening();
  });

  const resultPath = join(folder, "result.json");
  const reportPath = join(folder, "report.html");
  const text = JSON.stringify(result, null, 2);
  writeText(resultPath, `${text}\n`);
  writeText(reportPath, renderReport(result));
  say(`\n${summaryOf(result)}\n\nReport: ${reportPath}\nResult: ${resultPath}\nAgain:  ${result.command}`);
  if (json) console.log(text);
  process.exitCode = result.verdict.passed ? 0 : 1;
}

/**
 * Writes a page that lays two results side by side.
 *
 * @throws {StartError} (exit code 2) where a file is no result, or the page could not be written
 */
export function compareResults(a: string, b: string, options: { readonly out?: string }): void {
  const page = renderComparison(readResult(a), readResult(b));
  const path = join(options.out ?? reportFolder(), "compare.html");
  writeText(path, page);
  console.log(`Comparison: ${path}`);
}

function reportFolder(): string {
  return join("reports", timestamp(new Date()));
}

/** A terminal's Ctrl-C may come twice, from it and from npm: what comes so soon after is no second one. */
const SAME_INTERRUPT_MILLISECONDS = 500;

/** @returns ends the listening */
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
