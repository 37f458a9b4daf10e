import { Command } from "commander";
import { auditCluster } from "../audit/audit-cluster.ts";
import { readServeConfig, readWriterConfig } from "../config.ts";
import { functionLibrary } from "../decide/function-library.ts";
import { restoreFile } from "../embedded/copy-file.ts";
import { StartError } from "../errors.ts";
import { restore } from "../restore/restore.ts";
import { doneLines } from "../restore/messages.ts";
import { requireTrusted } from "../tls/require-trusted.ts";
import { ask } from "./ask.ts";

interface RestoreFlags {
  readonly yes: boolean;
  readonly json: boolean;
  readonly dryRun: boolean;
  readonly force: boolean;
  readonly discardUnknown: boolean;
  readonly data?: string;
  readonly from?: string;
}

/** With --dry-run: there is something to restore. */
const NEEDED_EXIT_CODE = 2;

export function restoreCommand(): Command {
  return new Command("restore")
    .description("make Redis anew from the books, or bring back a backup of the embedded ledger's data file")
    .option("--data <folder>", "folder of the data file, which --from is to be brought back to")
    .option("--from <file>", "a backup of a data file; it stays as it is")
    .option("--yes", "do not ask", false)
    .option("--dry-run", "only say what would be done", false)
    .option("--force", "load Redis anew even where nothing is known to be missing", false)
    .option(
      "--discard-unknown",
      "give up what Redis or NATS hold of an epoch that the books do not know",
      false,
    )
    .option("--json", "write what was done as JSON to the standard output", false)
    .addHelpText(
      "after",
      `
With --data and --from: stop the ledger of that folder first. What is there is kept in a folder beside it, so nothing is
asked.

Otherwise: first says what it is going to do, and what cannot be brought back; then asks. Brings what the outbox and the feed
still hold into the books, opens a new epoch, loads Redis from the books and checks it. Clients get 503 meanwhile.
Killed at any point, it is gone on with by running it again. Where nothing is wrong, it does nothing.

Exit code: 0 where it is restored, or nothing was to be done; 1 where not. With --dry-run, for a cluster: 0 where there is
nothing to be done, ${NEEDED_EXIT_CODE} where there is.
Environment, for a cluster: DATABASE_URL, REDIS_URL, NATS_URL; MIN_REPLICAS as the APIs have it; DURABILITY=relaxed takes a PostgreSQL that does not
fsync before it answers.`,
    )
    .action(async (flags: RestoreFlags) => {
      // What it writes is for its user alone.
      process.umask(0o077);
      if (flags.data === undefined && flags.from === undefined) return restoreCluster(flags);
      if (flags.data === undefined || flags.from === undefined) {
        throw new StartError("--data and --from go together: the folder of the data file, and its backup.");
      }
      return restoreDataFile(flags.data, flags.from, flags);
    });
}

function restoreDataFile(data: string, from: string, { json, dryRun }: RestoreFlags): void {
  const report = restoreFile(readServeConfig({ data }).dataFile, from, new Date(), dryRun);
  const { accounts, entries, before } = report;
  const say = (line: string): void => (json ? console.error(line) : console.log(line));
  say(`${dryRun ? "Would restore" : "Restored"}: ${accounts} accounts, ${entries} entries, from ${from}`);
  if (before !== null) say(`What was there before ${dryRun ? "would be kept in" : "is in"} ${before}`);
  if (json) console.log(JSON.stringify(report));
}

async function restoreCluster({ yes, json, dryRun, force, discardUnknown }: RestoreFlags): Promise<void> {
  // With --json everything else goes to the standard error, so that a program can read the standard output.
  const say = (line: string): void => (json ? console.error(line) : console.log(line));
  const confirm = async (plan: readonly string[]): Promise<boolean> => {
    for (const line of plan) say(line);
    if (dryRun) return false;
    return yes || ask("Restore now?", "nothing was restored");
  };
  const config = readWriterConfig();
  await requireTrusted(config);
  const { databaseUrl, redisUrl } = config;
  const audit = () => auditCluster({ databaseUrl, redisUrl, natsUrl: null, duringRestore: true });
  const report = await restore({
    ...config,
    force,
    discardUnknown,
    library: functionLibrary,
    audit,
    confirm,
    say,
  });
  for (const line of doneLines(report)) say(line);
  if (json) console.log(JSON.stringify(report));
  if (report.type !== "declined") process.exit(0);
  process.exit(dryRun ? NEEDED_EXIT_CODE : 1);
}
