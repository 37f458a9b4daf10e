import { Command, InvalidArgumentError } from "commander";
import { StartError } from "../errors.ts";
import { ENVIRONMENT, environmentOfStack, readTlsFiles, type TlsFlags } from "../config.ts";
import { type LogFlags, readObserveConfig } from "../config/observe-config.ts";
import { openLog } from "../log/log.ts";
import type { Report } from "../log/report.ts";
import { bounds } from "../bounds.ts";
import { stackBounds } from "../stack/stack-bounds.ts";
import { runStack } from "../stack/run-stack.ts";
import { shellWord } from "../stack/shell-word.ts";
import { LOG_FORMAT_FLAG } from "./command-log.ts";
import {
  LEDGER_VARIABLES,
  NO_INITIAL_ACCOUNTS,
  TLS_CERT_FLAG,
  TLS_KEY_FLAG,
  TRACE_VARIABLES,
} from "./ledger-options.ts";
import { requireOpenFiles } from "./open-files.ts";
import { listenForStop } from "./stop-signals.ts";

interface StackFlags extends TlsFlags, LogFlags {
  readonly data: string;
  readonly fresh: boolean;
  readonly port: number;
  readonly apis: number;
  readonly writers?: number;
  readonly dispatchers: number;
  readonly shards?: number;
  readonly replicas?: number;
  readonly redisNodes?: number;
  readonly redisMemory?: number;
  readonly addressConnections: number;
  readonly addressRate?: number;
  readonly keyRate?: number;
  readonly restore: boolean;
  readonly yes: boolean;
  readonly dryRun: boolean;
  readonly discardUnknown: boolean;
  readonly maintenance: boolean;
  readonly observe: boolean;
  readonly initialAccounts: boolean;
}

/** A flag that only makes sense for one start, and is not part of the same stack's next one. */
const FLAGS_OF_ONE_START = [
  "--fresh",
  "--restore",
  "--yes",
  "--dry-run",
  "--discard-unknown",
  "--maintenance",
];

export function stackCommand(): Command {
  return new Command("stack")
    .description("run the whole cluster on this machine: HAProxy, APIs, Redis, NATS, writer, PostgreSQL")
    .option("--data <folder>", "everything that is kept, and the logs", "data/stack")
    .option("--fresh", "empty that folder first: a new ledger", false)
    .option("--port <number>", "where HAProxy listens, 0 for a free one", integer(0, 65_535), 9999)
    .option("--apis <number>", "APIs behind HAProxy", integer(1, stackBounds.apis_max), 2)
    .option(
      "--writers <number>",
      "writers into PostgreSQL: one works, others wait to take over (default: 1, with replicas 2)",
      integer(1, stackBounds.writers_max),
    )
    .option(
      "--dispatchers <number>",
      "who sends webhooks: one works, others wait to take over; 0 for none",
      integer(0, stackBounds.dispatchers_max),
      1,
    )
    .option(
      "--shards <number>",
      "into how many parts the accounts are split: chosen once, at the first start (default: SHARDS, or 1)",
      integer(1, bounds.shards_max),
    )
    .option(
      "--replicas <number>",
      "copies of each shard on Redis servers of their own, one of which takes over; with one or more also three NATS servers, " +
        "two PostgreSQL and two writers: chosen at the first start (default: 0)",
      integer(0, stackBounds.replicas_max),
    )
    .option(
      "--redis-nodes <number>",
      "Redis servers that share the shards, and vote on who takes over: chosen at the first start (default: 1, with replicas 3)",
      integer(1, stackBounds.redis_nodes_max),
    )
    .option(
      "--redis-memory <megabytes>",
      "memory that Redis may use, all its servers together; then transactions get 503 (default: half of the machine's)",
      integer(stackBounds.redis_megabytes_min, stackBounds.redis_megabytes_max),
    )
    .option(...TLS_CERT_FLAG)
    .option(...TLS_KEY_FLAG)
    .option(
      "--address-connections <number>",
      "connections that one address may have at once",
      integer(1, stackBounds.connections_max),
      stackBounds.address_connections,
    )
    .option(
      "--address-rate <number>",
      "requests a second that one address may send, then 429 (default: no limit)",
      integer(1, stackBounds.rate_max),
    )
    .option(
      "--key-rate <number>",
      "the same for an access key that was not given a rate of its own (default: no limit)",
      integer(1, stackBounds.rate_max),
    )
    .option("--observe", "run Prometheus beside it, with alerts; see docs/observe.md", false)
    .option("--restore", "run razonete restore first, which asks here", false)
    .option("--yes", "with --restore: do not ask", false)
    .option("--dry-run", "with --restore: only say what it would do, and stop", false)
    .option("--discard-unknown", "with --restore: give up what the books do not know of", false)
    .option("--maintenance", "PostgreSQL, Redis and NATS alone, to put a backup back", false)
    .option(...LOG_FORMAT_FLAG)
    .option("--no-initial-accounts", `${NO_INITIAL_ACCOUNTS} (INITIAL_ACCOUNTS=none)`)
    .addHelpText(
      "after",
      `
Every process that dies is started again within a second; a Redis that has copies as soon as it may: mostly once one of
them has taken over. Where all were killed at once it compares its log with theirs first, which may take half a minute.
Ctrl-C stops all of them in order; a second one at once. Both lose nothing that was answered.
All but HAProxy is on ports and sockets of its own, which stay the same. While it runs, stack.json in the data folder
says what runs where, with numbers and addresses of the processes, logs/ holds what each of them says, and operator.env
has the servers' URLs and passwords for a shell (. data/stack/operator.env).

Servers that are missing are installed on Debian (as root, or with a sudo that asks nothing): redis-server,
nats-server, haproxy and postgresql, without services of the system. On other machines: docker compose up.

SHARDS (--shards counts over it), DURABILITY, OUTBOX_BATCHES_MAX, WEBHOOK_INNER and WEBHOOK_CA_FILE are handed on to the ledger's own processes, and so are
${[...LEDGER_VARIABLES, ...TRACE_VARIABLES].join("\n")}`,
    )
    .action(stack);
}

async function stack(given: StackFlags): Promise<void> {
  const { restore, yes, dryRun, discardUnknown, initialAccounts, ...flags } = given;
  if ((yes || dryRun || discardUnknown) && !restore)
    throw new StartError("--yes, --dry-run and --discard-unknown are for --restore.");
  if (restore && flags.maintenance) throw new StartError("--restore and --maintenance exclude each other.");
  // What it and its processes write is for its user alone.
  process.umask(0o077);
  requireOpenFiles(stackBounds.open_files_min);
  const tls = readTlsFiles(flags);
  const { logFormat } = readObserveConfig(ENVIRONMENT, flags);
  const isForPeople = logFormat === "people";
  const log = openLog("razonete", logFormat, "razonete stack");
  const say: Report = isForPeople ? (line) => console.log(line) : log.report;
  const { stop, kill } = listenForStop(
    (signal) =>
      say(`${isForPeople ? "\n" : ""}${signal}: stopping everything in order (again to end at once) ...`),
    // The files of the certificate are looked at twice a second.
    tls === null ? undefined : () => {},
  );
  const { shards } = flags;
  const environment = shards === undefined ? ENVIRONMENT : { ...ENVIRONMENT, SHARDS: String(shards) };
  const { all, own } = environmentOfStack({ initialAccounts, logFormat: flags.logFormat }, environment);
  const code = await runStack(
    {
      ...flags,
      tls,
      environment: all,
      ownEnvironment: own,
      say,
      logFormat,
      restoreCommand: restoreCommand(process.argv.slice(3)),
      ...(restore ? { restore: { yes, dryRun, discardUnknown } } : {}),
    },
    { stop, kill },
  );
  say(kill.aborted ? "Killed. Everything that was answered is on disk." : "Stopped.");
  process.exit(kill.aborted ? 130 : code);
}

/** How to start the same stack with a restore first, for a shell. */
function restoreCommand(given: readonly string[]): string {
  const flags = given.filter((flag) => !FLAGS_OF_ONE_START.includes(flag)).map(shellWord);
  return ["npm run stack --", ...flags, "--restore"].join(" ");
}

function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    if (/^\d{1,9}$/.test(text) && Number(text) >= min && Number(text) <= max) return Number(text);
    throw new InvalidArgumentError(`It must be an integer from ${min} to ${max}.`);
  };
}
