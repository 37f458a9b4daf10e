import { Command, InvalidArgumentError } from "commander";
import { loadTestBounds } from "../load-test/load-test-bounds.ts";
import type * as runCommand from "../load-test/run-command.ts";

const HELP = `
The system must be fresh: accounts 1 to 5 with balance 0, no account 6. One with other balances is left as it is.

Exit code: 0 if nothing failed, 1 if something did, 2 if the test could not run.
Ctrl-C ends the run with what was measured so far; a second one ends it at once.`;

/** `npm run rinha`: the contest's load test against a URL, and `compare` for two of its results. */
export function rinhaCommand(): Command {
  const command = new Command("rinha")
    .description(
      "run the load test of Rinha de Backend 2024/Q1 against a system, and judge it as the contest would",
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
    .option(
      "--timeout <seconds>",
      "how long a request may take (default: 60, less at a small scale, but not below 2)",
      parseTimeout,
    )
    .option("--out <folder>", "where result.json and report.html go (default: reports/<time>)")
    .option("--json", "write the result as JSON to the standard output")
    .addHelpText("after", HELP)
    // A wrong option also means that the test could not run.
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
    .action(async (options: runCommand.RunOptions) => (await loadTest()).runLoadTest(options));
  command
    .command("compare")
    .description("lay two results side by side, in one HTML page")
    .argument("<a.json>", "result.json of one run")
    .argument("<b.json>", "result.json of another run")
    .option("--out <folder>", "where compare.html goes (default: reports/<time>)")
    // Commander gives --out to the parent command, which has it too.
    .action(async (a: string, b: string, _: unknown, { parent }: Command) =>
      (await loadTest()).compareResults(a, b, parent?.opts<runCommand.RunOptions>() ?? {}),
    );
  return command;
}

/** Imported only when needed, so that the other commands do not load its libraries. */
function loadTest(): Promise<typeof runCommand> {
  return import("../load-test/run-command.ts");
}

function parseScale(text: string): number {
  return factor(text, loadTestBounds.scale_min, loadTestBounds.scale_max);
}

function parseRate(text: string): number {
  return factor(text, loadTestBounds.rate_min, loadTestBounds.rate_max);
}

function parseTimeout(text: string): number {
  return factor(text, loadTestBounds.timeout_seconds_min, loadTestBounds.timeout_seconds_max);
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
  if (!/^\d+$/.test(text) || value > loadTestBounds.seed_max) {
    throw new InvalidArgumentError(`It must be a whole number from 0 to ${loadTestBounds.seed_max}.`);
  }
  return value;
}
