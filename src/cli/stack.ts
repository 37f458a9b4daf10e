import { Command, InvalidArgumentError } from "commander";
import { environmentOfStack } from "../config.ts";
import { stackBounds } from "../stack/stack-bounds.ts";
import { runStack } from "../stack/run-stack.ts";
import { listenForStop } from "./stop-signals.ts";

interface StackFlags {
  readonly data: string;
  readonly fresh: boolean;
  readonly port: number;
  readonly apis: number;
  readonly writers: number;
  readonly restore: boolean;
  readonly yes: boolean;
}

export function stackCommand(): Command {
  return new Command("stack")
    .description("run the whole cluster on this machine: HAProxy, APIs, Redis, NATS, writer, PostgreSQL")
    .option("--data <folder>", "everything that is kept, and the logs", "data/stack")
    .option("--fresh", "empty that folder first: a new ledger", false)
    .option("--port <number>", "where HAProxy listens, 0 for a free one", integer(0, 65_535), 9999)
    .option("--apis <number>", "APIs behind HAProxy", integer(1, stackBounds.apis_max), 2)
    .option(
      "--writers <number>",
      "writers into PostgreSQL: one works, others wait to take over",
      integer(1, stackBounds.writers_max),
      1,
    )
    .option("--restore", "run razonete restore first, which asks here", false)
    .option("--yes", "with --restore: do not ask", false)
    .addHelpText(
      "after",
      `
Every process that dies is started again within a second. Ctrl-C stops all of them in order; a second one at once.
Both lose nothing that was answered. Only --port is fixed; all else is on free ports and sockets of its own.
While it runs, stack.json in the data folder says what runs where, and logs/ holds what each process says.

Servers that are missing are installed on Debian (as root, or with a sudo that asks nothing): redis-server,
nats-server, haproxy and postgresql, without services of the system. On other machines: docker compose up.

SHARDS, DURABILITY and OUTBOX_BATCHES_MAX are handed on to the ledger's own processes.`,
    )
    .action(stack);
}

async function stack({ restore, yes, ...flags }: StackFlags): Promise<void> {
  const { stop, kill } = listenForStop((signal) =>
    console.log(`\n${signal}: stopping everything in order (again to end at once) ...`),
  );
  const { all, own } = environmentOfStack();
  await runStack(
    {
      ...flags,
      environment: all,
      ownEnvironment: own,
      say: (line) => console.log(line),
      ...(restore ? { restore: yes ? ["--yes"] : [] } : {}),
    },
    { stop, kill },
  );
  console.log(kill.aborted ? "Killed. Everything that was answered is on disk." : "Stopped.");
  process.exit(kill.aborted ? 130 : 0);
}

function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    if (/^\d{1,9}$/.test(text) && Number(text) >= min && Number(text) <= max) return Number(text);
    throw new InvalidArgumentError(`It must be an integer from ${min} to ${max}.`);
  };
}
