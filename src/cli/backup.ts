import { Command } from "commander";
import { readServeConfig } from "../config.ts";
import { backUpFile } from "../embedded/copy-file.ts";

interface BackupFlags {
  readonly data: string;
  readonly to: string;
}

export function backupCommand(): Command {
  return new Command("backup")
    .description("copy the data file of the embedded ledger, which may run meanwhile")
    .requiredOption("--data <folder>", "folder of the data file")
    .requiredOption("--to <file>", "the copy; a file that is not there yet")
    .addHelpText(
      "after",
      `
The copy is one file, of one moment, and checked. "razonete restore --data <folder> --from <file>" brings it back.
A cluster is backed up with PostgreSQL's own tools.`,
    )
    .action(({ data, to }: BackupFlags) => {
      // What it writes is for its user alone.
      process.umask(0o077);
      const { accounts, entries, bytes } = backUpFile(readServeConfig({ data }).dataFile, to);
      console.log(`Backed up and checked: ${accounts} accounts, ${entries} entries, ${bytes} bytes in ${to}`);
    });
}
