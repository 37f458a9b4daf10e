import { Command } from "commander";
import { ENVIRONMENT, readInitConfig, type ServeFlags } from "../config.ts";
import { type LogFlags, readObserveConfig } from "../config/observe-config.ts";
import { functionLibrary } from "../decide/function-library.ts";
import { initialise } from "../keep/init.ts";
import { openLog } from "../log/log.ts";
import { requireTrusted } from "../tls/require-trusted.ts";
import { LOG_FORMAT_FLAG } from "./command-log.ts";
import { LEDGER_VARIABLES, NO_INITIAL_ACCOUNTS, REPLICA_VARIABLES, TLS_VARIABLES } from "./ledger-options.ts";

export function initCommand(): Command {
  return new Command("init")
    .description("make the ledger of a cluster, or bring one that is there up to date")
    .option("--no-initial-accounts", `${NO_INITIAL_ACCOUNTS} (INITIAL_ACCOUNTS=none)`)
    .option(...LOG_FORMAT_FLAG)
    .addHelpText(
      "after",
      [
        "",
        "Makes the schema and the accounts 1 to 5 in the books, and fills Redis from them; on a ledger that is there it",
        "brings the schema and Redis's functions up to date, sets IDEMPOTENCY_HOURS if it is given, and changes nothing",
        "else.",
        "",
        "Settings, from the environment:",
        "  DATABASE_URL       the books in PostgreSQL",
        "  REDIS_URL          where Redis decides (default redis://127.0.0.1:6379, or redis-cluster://a:6379,b:6379)",
        ...REPLICA_VARIABLES,
        ...TLS_VARIABLES,
        "  DATABASE_API_PASSWORD, DATABASE_WRITER_PASSWORD, DATABASE_DISPATCH_PASSWORD, DATABASE_CONSOLE_PASSWORD",
        "                     if set, the roles razonete_api, razonete_writer, razonete_dispatch and razonete_console are made",
        "                     with these passwords. Roles of these names are granted what these processes need of the books,",
        "                     and nothing else",
        "  SHARDS             into how many parts the accounts are split; chosen once, at the first start (default 1)",
        ...LEDGER_VARIABLES,
      ].join("\n"),
    )
    .action(async (flags: ServeFlags & LogFlags) => {
      const { logFormat } = readObserveConfig(ENVIRONMENT, flags);
      const config = readInitConfig(flags);
      await requireTrusted(config);
      const done = await initialise({ ...config, library: functionLibrary });
      const shards = done.shards === 1 ? "1 shard" : `${done.shards} shards`;
      const accounts = done.initialAccounts ? "begun with the accounts 1 to 5" : "begun without accounts";
      const type = done.type === "begun" ? "made" : "there";
      const line = `The ledger is ${type}, with ${shards}, ${accounts}; keys are remembered for ${done.keyHours} hours.`;
      if (logFormat === "people") console.log(line);
      else openLog("razonete init", logFormat).say(line, { shards: done.shards });
    });
}
