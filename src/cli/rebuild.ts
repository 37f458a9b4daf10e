import { Command } from "commander";
import { ProgressBar } from "../audit/progress.ts";
import { readServeConfig, readWriterConfig } from "../config.ts";
import { rebuildCluster, type RebuildOptions } from "../rebuild/rebuild-cluster.ts";
import { rebuildFile } from "../rebuild/rebuild-file.ts";
import { changeLines, type RebuildReport } from "../rebuild/rebuild-report.ts";
import { requireTrusted } from "../tls/require-trusted.ts";
import { ask } from "./ask.ts";

interface RebuildFlags {
  readonly data?: string;
  readonly yes: boolean;
  readonly dryRun: boolean;
}

/** With --dry-run: something differs. */
const NEEDED_EXIT_CODE = 2;

export function rebuildCommand(): Command {
  return new Command("rebuild")
    .description("make the tables anew from the journal, where they are not what it makes of them")
    .option("--data <folder>", "folder of the embedded ledger's data file; stop the ledger first")
    .option("--yes", "do not ask", false)
    .option("--dry-run", "only say what would change", false)
    .addHelpText(
      "after",
      `
Checks the journal's chain of hashes first, and changes nothing where it is broken. Then makes the tables beside the old
ones, says what differs, asks, and exchanges them. Killed at any point, nothing was changed: run it again.

In a cluster writers wait meanwhile; what is answered waits in Redis. The APIs go on.

Exit code: 0 where the tables are what the journal makes of them, 1 where not. With --dry-run: 0 where they are,
${NEEDED_EXIT_CODE} where not.
Environment, for a cluster: DATABASE_URL.`,
    )
    .action(run);
}

async function run(flags: RebuildFlags): Promise<void> {
  const progress = new ProgressBar();
  const options: RebuildOptions = {
    say: (line) => console.log(line),
    onProgress: (done, all) => progress.update(done, all),
    confirm: async (changes) => {
      progress.stop();
      for (const line of changeLines(changes)) console.log(line);
      if (flags.dryRun) return false;
      return flags.yes || ask("Exchange the tables now?", "nothing was changed");
    },
  };
  let report: RebuildReport;
  try {
    report =
      flags.data === undefined
        ? await rebuildCluster(await databaseUrl(), options)
        : await rebuildFile(readServeConfig({ data: flags.data }).dataFile, options);
  } finally {
    progress.stop();
  }
  console.log(SENTENCES[report.type]);
  if (report.type !== "declined") process.exit(0);
  process.exit(flags.dryRun ? NEEDED_EXIT_CODE : 1);
}

async function databaseUrl(): Promise<string> {
  const { databaseUrl: url } = readWriterConfig();
  await requireTrusted({ databaseUrl: url });
  return url;
}

const SENTENCES: Readonly<Record<RebuildReport["type"], string>> = {
  rebuilt: "Rebuilt from the journal.",
  "not-needed": "Nothing to do: the tables are what the journal makes of them.",
  declined: "Nothing was changed.",
};
