import { Command, Option } from "commander";
import { StartError } from "../errors.ts";
import { FORMATS, type FormatName } from "../export/export-format.ts";
import type { Output } from "../export/output.ts";
import { LedgerUnavailable } from "../ledger/ledger.ts";
import { openLog } from "../log/log.ts";
import { chooseLedgerTarget, type LedgerTargetFlags } from "../stack/ledger-target.ts";

interface ExportFlags extends LedgerTargetFlags {
  readonly format?: FormatName;
  readonly since?: string;
  readonly to?: string;
}

const HELP = `
csv        a line for each entry of an account
jsonl      a line for each event, as /v1/events has it, with the cursor behind it
ledger     transactions, for Ledger and hledger (hledger is the same)
beancount  transactions, for Beancount

Reads what is committed, up to where the ledger is when it begins; servers may run meanwhile. A cursor to go on with is told
at the end, to standard error. With --since, ledger and beancount begin with a transaction of opening balances, so that
their balances at the end are the ledger's. Holds move no money: only jsonl has them.

Without --stack or --data it takes the first that is there: the cluster of DATABASE_URL, the data file of DATA_DIR, the
running stack in data/stack, the data file in data.`;

export function exportCommand(): Command {
  return new Command("export")
    .description("write what was decided for other programs: spreadsheets, plain text accounting")
    .addOption(new Option("--format <format>", "required, one of these").choices(FORMATS))
    .option(
      "--since <place>",
      "only what is behind this cursor, or from the first event that is not before this time of RFC 3339",
    )
    .option("--to <file>", "a file that is not there yet, or a pipe (default: standard output)")
    .option("--stack [folder]", "a running stack, by its data folder (default: data/stack)")
    .option("--data <folder>", "the data file of the embedded ledger; one may run on it")
    .addHelpText("after", HELP)
    .action(exportLedger);
}

async function exportLedger({ format, since, to, ...flags }: ExportFlags): Promise<void> {
  if (format === undefined) throw new StartError(`--format is missing: give one of ${FORMATS.join(", ")}.`);
  const [{ exportEvents }, { formatNamed }, { openJournal }, { NobodyReads, openOutput, toStandardOutput }] =
    await Promise.all([
      import("../export/export-events.ts"),
      import("../export/formats.ts"),
      import("../export/open-journal.ts"),
      import("../export/output.ts"),
    ]);
  // What it writes is for its user alone.
  process.umask(0o077);
  const target = chooseLedgerTarget(flags);
  if (target === null) throw new StartError("there is no ledger here: name one with --stack or --data.");
  const journal = await openJournal(target);
  let output: Output | null = null;
  try {
    const dataFile = target.type === "file" ? target.path : null;
    output = to === undefined ? toStandardOutput() : openOutput(to, dataFile);
    const cursor = await exportEvents(journal, since, formatNamed(format, journal), output.write);
    output.finish();
    openLog("razonete", "people").say(`exported ${target.where}; go on with --since ${cursor}`);
  } catch (error) {
    output?.discard();
    if (error instanceof NobodyReads) return;
    if (error instanceof LedgerUnavailable) throw new StartError(`the export broke off: ${error.message}.`);
    throw error;
  } finally {
    await journal.close();
  }
}
