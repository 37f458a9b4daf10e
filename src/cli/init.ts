import { Command } from "commander";
import { readInitConfig } from "../config.ts";
import { functionLibrary } from "../decide/function-library.ts";
import { initialise } from "../keep/init.ts";

export function initCommand(): Command {
  return new Command("init")
    .description("make the ledger of a cluster, or bring one that is there up to date")
    .addHelpText(
      "after",
      [
        "",
        "Makes the schema and the accounts 1 to 5 in the books, and fills Redis from them; on a ledger that is there it",
        "brings the schema and Redis's functions up to date, and changes nothing else.",
        "",
        "Settings, from the environment:",
        "  DATABASE_URL  the books in PostgreSQL",
        "  REDIS_URL     where Redis decides (default redis://127.0.0.1:6379)",
        "  SHARDS        into how many parts the accounts are split; chosen once, at the first start (default 1)",
      ].join("\n"),
    )
    .action(async () => {
      const done = await initialise({ ...readInitConfig(), library: functionLibrary });
      const shards = done.shards === 1 ? "1 shard" : `${done.shards} shards`;
      console.log(
        done.type === "begun"
          ? `The ledger is made, with ${shards}.`
          : `The ledger is there, with ${shards}.`,
      );
    });
}
