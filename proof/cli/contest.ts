import { Command, InvalidArgumentError } from "commander";
import { environmentOfStack } from "../../src/config.ts";
import type * as runContestModule from "../contest/run-contest.ts";
import { loadTestBounds } from "../load-test/load-test-bounds.ts";
import { listenForStop } from "../../src/cli/stop-signals.ts";

const HELP = `
Runs what deploy/rinha/docker-compose.yml describes as processes of this machine, each in a control group (cgroup)
with the CPU quota and the memory limit that the file gives it, on an empty folder; then the contest's load test; then
reports on both. The limits need root; without root it says so and runs without limits.

The submission is one file with one Redis, so shards are all on that one. Replicas do not fit into 1.5 CPU and 550 MB: for
these, npm run stack -- --shards 3 --replicas 2, and npm run rinha against it.

Exit code: 0 if nothing failed and everything was ready in time, 1 if not, 2 if it could not run.
Ctrl-C ends it with what was measured so far; a second one ends everything at once.`;

/**
 * The contest has five accounts, and the writer a connection for each shard, of the 20 that the submission's PostgreSQL
 * takes.
 */
const SHARDS_MAX = 8;

type Flags = Omit<runContestModule.ContestOptions, "environment" | "say">;

export function contestCommand(): Command {
  return (
    new Command("contest")
      .description("run the submission under the contest's limits, and its load test on it")
      .option("--scale <factor>", "length of the load, as a multiple of four minutes", scale, 1)
      .option("--rate <factor>", "requests a second, as a multiple of the contest's", rate, 1)
      .option("--seed <number>", "repeat the requests of the run with this seed (default: a new one)", seed)
      .option(
        "--shards <number>",
        `into how many parts the accounts are split, 1 to ${SHARDS_MAX}`,
        integer(1, SHARDS_MAX),
        1,
      )
      .option("--source", "run the ledger from its source, not from the executable of npm run build", false)
      .option("--port <number>", "where HAProxy listens, 0 for a free one", integer(0, 65_535), 9999)
      .option("--data <folder>", "data and logs of the system; emptied first", "data/contest")
      .option("--out <folder>", "where the results and the report go (default: reports/<time>)")
      .addHelpText("after", HELP)
      // A wrong option also means that it could not run.
      .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
      .action(run)
  );
}

async function run(flags: Flags): Promise<void> {
  // Imported only when needed: the help texts do not need its libraries.
  const { runContest } = await import("../contest/run-contest.ts");
  const signals = listenForStop((signal) =>
    console.log(`\n${signal}: ending the run and stopping everything (again to end at once) ...`),
  );
  const environment = environmentOfStack().all;
  process.exit(await runContest({ ...flags, environment, say: (line) => console.log(line) }, signals));
}

function scale(text: string): number {
  return factor(text, loadTestBounds.scale_min, loadTestBounds.scale_max);
}

function rate(text: string): number {
  return factor(text, loadTestBounds.rate_min, loadTestBounds.rate_max);
}

function factor(text: string, min: number, max: number): number {
  const value = Number(text);
  if (text.trim() !== "" && value >= min && value <= max) return value;
  throw new InvalidArgumentError(`It must be a number from ${min} to ${max}.`);
}

function seed(text: string): number {
  return integer(0, loadTestBounds.seed_max)(text);
}

function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}
