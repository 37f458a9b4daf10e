import { Command } from "commander";
import type { AuditFlags } from "../audit/run-audit.ts";
import { messageOf, StartError } from "../errors.ts";

const HELP = `
Looks at every account: its entries without a gap, each balance the one before and the value, none under its limit; and
in a cluster, that Redis, its outbox, the feed and PostgreSQL say the same; and that all of it is what the journal makes
of it, whose rows are chained by hashes. Changes nothing of that, and may run at any time. When it was, and whether all
agreed, is noted for metrics: in the books, or beside the data file.

A journal that was cut off at its end, or written anew as a whole, shows only against a head that was noted earlier, in a
place that who changes the ledger cannot change:

  razonete audit --head > head.txt
  razonete audit --since "$(cat head.txt)"

Without an option it takes the first that is there: the cluster of DATABASE_URL, REDIS_URL and NATS_URL, the data file of
DATA_DIR, the running stack in data/stack, the data file in data.

Exit code: 0 where all agrees, 1 where something does not, 2 where it could not look.`;

export function auditCommand(): Command {
  return (
    new Command("audit")
      .description("say whether everything that keeps the ledger agrees")
      .option("--stack [folder]", "a running stack, by its data folder (default: data/stack)")
      .option("--data <folder>", "the data file of the embedded ledger; one may run on it")
      .option("--json", "write the report as JSON")
      .option("--head", "where all agrees, print only the head of the journal, to be noted elsewhere")
      .option("--since <head>", "compare the journal with a head that was noted earlier")
      .addHelpText("after", HELP)
      // A wrong option also means that it could not look.
      .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
      .action(audit)
  );
}

async function audit(flags: AuditFlags): Promise<void> {
  const { runAudit } = await import("../audit/run-audit.ts");
  try {
    process.exitCode = (await runAudit(flags)) ? 0 : 1;
  } catch (error) {
    if (error instanceof StartError) throw error;
    throw new StartError(`the audit broke off: ${messageOf(error)}`, 2);
  }
}
