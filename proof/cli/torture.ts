import { Command, InvalidArgumentError } from "commander";
import { bounds } from "../../src/bounds.ts";
import { stackBounds } from "../../src/stack/stack-bounds.ts";
import { tortureBounds } from "../torture/torture-bounds.ts";
import { FAULT_KINDS, type FaultKind } from "../torture/plan/fault.ts";
import type * as runCommand from "../torture/run-command.ts";
import { listenForStop } from "../../src/cli/stop-signals.ts";

const HELP = `
It starts a system of its own in a temporary folder and touches nothing else. Round after round it puts load on the
system and injects faults, waits until the system has recovered, and compares every answer with the books.

  kill   kill -9 of each process, of several at once, and again while they start
  stop   freezing of each process; jumps of Redis's clock
  net    connections that are cut or hang, replies that are lost
  disk   full disks; NATS's stream truncated or gone; Redis's log cut, zeroed or gone (then razonete restore)

With --replicas there are three primaries of Redis with so many replicas each, three NATS servers, and PostgreSQL with its
standby. Then kill and stop hit whoever has a role (a shard's primary, its replicas, a machine, a leader), net cuts machines
off each other, and disk has one server lose its folder. An operator does what alarms tell, which is counted.

Requests come with access keys, of which one is revoked on the way and another one made; with every third seed the system
is open.

Exit code: 0 if nothing was found, 1 if something was, 2 if it could not run, 130 if it was interrupted.
If something was found, the folder is kept, with data, logs and history, and shown with the seed.
Ctrl-C ends the run and removes what it started; a second one ends it at once.`;

const SEED_MAX = 2 ** 31 - 1;

/** `razonete torture`: tests the promise under faults; and `report` for its results. */
export function tortureCommand(): Command {
  const command = new Command("torture")
    .description(
      "inject faults into a whole system of its own under load, and check that nothing answered is ever lost",
    )
    .option(
      "--seconds <number>",
      "how long, load and faults together",
      integer(1, tortureBounds.seconds_max),
      120,
    )
    .option(
      "--seed <number>",
      "repeat the faults and the operations of the run with this seed (default: a new one)",
      integer(0, SEED_MAX),
    )
    .option("--faults <kinds>", `kinds of faults, of ${FAULT_KINDS.join(",")}`, parseKinds, [...FAULT_KINDS])
    .option("--shards <number>", "shards of the cluster", integer(1, bounds.shards_max), 1)
    .option(
      "--replicas <number>",
      "replicas of each shard: then Redis, NATS and PostgreSQL are several servers, as in the stack",
      integer(0, stackBounds.replicas_max - 1),
      0,
    )
    .option("--embedded", "the embedded ledger instead of the cluster", false)
    .option("--out <folder>", "where result.json goes (default: reports/<time>-torture)")
    .option("--json", "write the result as JSON to the standard output")
    .addHelpText("after", HELP)
    // With a wrong option it could not run either.
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
    .action(run);
  command
    .command("report")
    .description("sum up several results in Markdown")
    .argument("<result.json...>", "results of runs")
    .option("--out <file>", "write it to this file")
    // Commander gives --out to the command above, which has it too.
    .action(async (paths: string[], _: unknown, { parent }: Command) =>
      (await loadRunCommand()).reportTortures(paths, parent?.opts<runCommand.TortureFlags>().out),
    );
  return command;
}

async function run(flags: runCommand.TortureFlags): Promise<void> {
  const { stop, kill } = listenForStop((signal) =>
    console.error(`\n${signal}: ending the run (again to end at once) ...`),
  );
  kill.addEventListener("abort", () => process.exit(130));
  const { runTorture } = await loadRunCommand();
  // What it started has ended by now, but timers of its rounds may still run.
  process.exit(await runTorture(flags, stop));
}

/** Loaded only when it is needed, so that the help does not load its libraries. */
function loadRunCommand(): Promise<typeof runCommand> {
  return import("../torture/run-command.ts");
}

function parseKinds(text: string): FaultKind[] {
  const names = text.split(",").filter((name) => name !== "");
  const kinds = FAULT_KINDS.filter((kind) => names.includes(kind));
  if (kinds.length === 0 || kinds.length !== new Set(names).size) {
    throw new InvalidArgumentError(`It must be a list of ${FAULT_KINDS.join(", ")}, with commas between.`);
  }
  return kinds;
}

function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    if (/^\d{1,10}$/.test(text) && Number(text) >= min && Number(text) <= max) return Number(text);
    throw new InvalidArgumentError(`It must be an integer from ${min} to ${max}.`);
  };
}
