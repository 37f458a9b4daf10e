import { Command } from "commander";
import { bounds } from "../bounds.ts";
import { readServeConfig, SERVE_DEFAULTS, type ServeConfig, type ServeFlags } from "../config.ts";
import { EmbeddedLedger } from "../embedded/embedded-ledger.ts";
import { type HttpServer, startHttpServer } from "../http/server.ts";
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
    .addHelpText(
      "after",
      "\nThe names in capitals are environment variables; a flag counts over its variable.",
    )
    .action(async (flags: ServeFlags) => serve(readServeConfig(flags)));
}

async function serve(config: ServeConfig): Promise<void> {
  requireOpenFiles(bounds.open_files_min);
  const ledger = new EmbeddedLedger({ file: config.dataFile, onOutage: warn });
  let server: HttpServer;
  try {
    server = startHttpServer(ledger, { address: config.address, onDefect: warn });
  } catch (error) {
    await ledger.close();
    throw error;
  }
  await runServer(server, banner(server, config), config.drainMilliseconds, () => ledger.close());
}

function banner(server: HttpServer, { address, dataFile }: ServeConfig): string {
  const { url } = server;
  return [
    `Razonete listens on ${url}`,
    ...reachableFromOutside(server, address),
    `Data, durable:      ${dataFile}`,
    `Accounts 1 to 5 are open. Try:`,
    `  curl -d '{"valor": 1000, "tipo": "c", "descricao": "salary"}' ${url}/clientes/1/transacoes`,
    `  curl ${url}/clientes/1/extrato`,
  ].join("\n");
}

function warn(message: string): void {
  console.error(`razonete: ${message}`);
}
