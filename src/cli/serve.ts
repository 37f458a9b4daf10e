import { Command } from "commander";
import { bounds } from "../bounds.ts";
import { readServeConfig, SERVE_DEFAULTS, type ServeConfig, type ServeFlags } from "../config.ts";
import { EmbeddedLedger } from "../embedded/embedded-ledger.ts";
import { firstSteps } from "../first-steps.ts";
import { type HttpServer, startHttpServer } from "../http/server.ts";
import { LEDGER_VARIABLES, NO_INITIAL_ACCOUNTS } from "./ledger-options.ts";
import { requireOpenFiles } from "./open-files.ts";
import { reachableFromOutside, runServer } from "./run-server.ts";

export function serveCommand(): Command {
  return new Command("serve")
    .description("serve the ledger from one data file, in one process (what npm start does)")
    .option(
      "--host <address>",
      `address to listen on (HOST, default ${SERVE_DEFAULTS.HOST}: this machine only)`,
    )
    .option("--port <number>", `port to listen on, 0 for a free one (PORT, default ${SERVE_DEFAULTS.PORT})`)
    .option("--data <folder>", `folder of the data file (DATA_DIR, default ${SERVE_DEFAULTS.DATA_DIR})`)
    .option("--no-initial-accounts", `${NO_INITIAL_ACCOUNTS} (INITIAL_ACCOUNTS=none)`)
    .addHelpText(
      "after",
      [
        "",
        "The names in capitals are environment variables; a flag counts over its variable. There are also:",
        "  DRAIN_MS           how long /readyz says 503 before a stop takes no more connections (default 500)",
        ...LEDGER_VARIABLES,
      ].join("\n"),
    )
    .action(async (flags: ServeFlags) => serve(readServeConfig(flags)));
}

async function serve(config: ServeConfig): Promise<void> {
  // What it writes is for its user alone.
  process.umask(0o077);
  requireOpenFiles(bounds.open_files_min);
  const { dataFile: file, initialAccounts, keyHours } = config;
  const ledger = new EmbeddedLedger({ file, initialAccounts, keyHours, onOutage: warn });
  let server: HttpServer;
  try {
    server = startHttpServer(ledger, { address: config.address, onDefect: warn });
  } catch (error) {
    await ledger.close();
    throw error;
  }
  const hasInitial = (await ledger.account("1")) !== null;
  await runServer(server, banner(server, config, hasInitial), config.drainMilliseconds, () => ledger.close());
}

function banner(server: HttpServer, { address, dataFile }: ServeConfig, hasInitial: boolean): string {
  const { url } = server;
  return [
    `Razonete listens on ${url}`,
    ...reachableFromOutside(server, address),
    `Data, durable:      ${dataFile}`,
    ...firstSteps(url, hasInitial),
  ].join("\n");
}

function warn(message: string): void {
  console.error(`razonete: ${message}`);
}
