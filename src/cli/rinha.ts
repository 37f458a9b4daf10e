import { randomInt } from "node:crypto";
import { join } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { bounds } from "../load/bounds.ts";
import { makeFolder, readResult, timestamp, writeText } from "../load/files.ts";
import { LoadTest, type LoadTestOptions } from "../load/load-test.ts";
import { Progress } from "../load/progress.ts";
import { renderComparison, renderReport } from "../load/report/report.ts";
import type { RunResult } from "../load/result.ts";
import { summaryOf } from "../load/summary.ts";

interface Options extends Omit<LoadTestOptions, "seed"> {
  readonly seed?: number;
  readonly out?: string;
  readonly json?: boolean;
}

const HELP = `
The system must be fresh: accounts 1 to 5 with balance 0, no account 6.

Exit code: 0 where nothing failed, 1 where something did, 2 where the test could not run.
Ctrl-C ends the run with what was measured so far; a second one ends it at once.`;

/** `razonete rinha`: the contest's load test against a URL, and `compare` for two of its results. */
export function rinhaCommand(): Command {
  const command = new Command("rinha")
    .description(
      "Run the load test of Rinha de Backend 2024/Q1 against a system, and judge it as the contest would.",
    )
    .option("--url <url>", "the system to be tested", "http://127.0.0.1:9999")
    .option(
      "--scale <factor>",
      "length of the phases, as a multiple of the contest's four minutes",
      parseScale,
      1,
    )
    .option("--rate <factor>", "requests a second, as a multiple of the contest's", parseRate, 1)
    .option(
      "--seed <number>",
      "repeat the requests of the run with this seed (default: a new one)",
      parseSeed,
    )
    .option("--out <folder>", "where result.json and report.html go (default: reports/<time>)")
    .option("--json", "write the result as JSON to the standard output")
    .addHelpText("after", HELP)
    // A wrong option is one more reason why the test could not run.
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
    .action(run);
  command
    .command("compare")
    .description("Lay two results side by side, in one HTML page.")
    .argument("<a.json>", "result.json of one run")
    .argument("<b.json>", "result.json of another run")
    .option("--out <folder>", "where compare.html goes (default: reports/<time>)")
    .action((a: string, b: string, _: unknown, { parent }: Command) =>
      compare(a, b, parent?.opts<Options>() ?? {}),
    );
  return command;
}

async function run(options: Options): Promise<void> {
  const { url, scale, rate, seed = randomInt(bounds.seed_max), json = false } = options;
  // The standard output is the result's alone where it is asked for as JSON.
  const say = json ? console.error : console.log;
  const folder = options.out ?? reportFolder();
  // Made before the run: its four minutes would be lost to a folder that cannot be written to.
  const unmakeFolder = makeFolder(folder);
  const test = new LoadTest({ url, scale, rate, seed });
  say(`Testing ${url} (scale ${scale}, rate ${rate}, seed ${seed})`);
  const progress = new Progress(() => test.status());
  const stopListening = onInterrupts(() => test.interrupt());
  let result: RunResult;
  try {
    result = await test.run();
  } catch (error) {
    unmakeFolder();
    throw error;
  } finally {
    progress.stop();
    stopListening();
  }

  const resultPath = join(folder, "result.json");
  const reportPath = join(folder, "report.html");
  const text = JSON.stringify(result, null, 2);
  writeText(resultPath, `${text}\n`);
  writeText(reportPath, renderReport(result));
  say(`\n${summaryOf(result)}\n\nReport: ${reportPath}\nResult: ${resultPath}\nAgain:  ${result.command}`);
  if (json) console.log(text);
  process.exitCode = result.verdict.passed ? 0 : 1;
}

function compare(a: string, b: string, options: { readonly out?: string }): void {
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

function parseScale(text: string): number {
  return factor(text, bounds.scale_min, bounds.scale_max);
}

function parseRate(text: string): number {
  return factor(text, bounds.rate_min, bounds.rate_max);
}

function factor(text: string, min: number, max: number): number {
  const value = Number(text);
  if (text.trim() === "" || !(value >= min && value <= max)) {
    throw new InvalidArgumentError(`It must be a number from ${min} to ${max}.`);
  }
  return value;
}

function parseSeed(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > bounds.seed_max) {
    throw new InvalidArgumentError(`It must be a whole number from 0 to ${bounds.seed_max}.`);
  }
  return value;
}
