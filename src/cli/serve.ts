import { Command } from "commander";
import { readServeConfig, SERVE_DEFAULTS, type ServeConfig, type ServeFlags } from "../config.ts";
import { EmbeddedLedger } from "../embedded/embedded-ledger.ts";
import { type HttpServer, startHttpServer } from "../http/server.ts";
import type { Ledger } from "../ledger/ledger.ts";

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
  const ledger = new EmbeddedLedger({ file: config.dataFile, onTrouble: warn });
  let server: HttpServer;
  try {
    server = startHttpServer(ledger, { host: config.host, port: config.port, onDefect: warn });
  } catch (error) {
    await ledger.close();
    throw error;
  }
  // Listened for before the banner: who reads that may stop the server in the very next moment.
  const signalled = firstSignal();
  console.log(banner(server.url, config.dataFile));
  const signal = await signalled;
  console.log(`\n${signal}: completing what was begun (again to end at once) ...`);
  await stop(server, ledger, config.drainMilliseconds);
  console.log("Stopped. Everything that was answered is in the data file.");
  process.exit(0);
}

async function stop(server: HttpServer, ledger: Ledger, drainMilliseconds: number): Promise<void> {
  server.drain();
  await Bun.sleep(drainMilliseconds);
  await server.stop();
  await ledger.close();
}

// One Ctrl-C under `npm start` arrives twice, from the terminal and handed on by npm.
const SAME_PRESS_MILLISECONDS = 250;

/** Resolves at the first SIGINT or SIGTERM; a second one ends the process at once, which loses nothing answered. */
function firstSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let first: number | null = null;
    const onSignal = (signal: NodeJS.Signals): void => {
      if (first === null) {
        first = performance.now();
        resolve(signal);
      } else if (performance.now() - first > SAME_PRESS_MILLISECONDS) {
        process.exit(signal === "SIGINT" ? 130 : 143);
      }
    };
    process.on("SIGINT", onSignal);
    process.on("SIGTERM", onSignal);
  });
}

function banner(url: string, dataFile: string): string {
  return [
    `Razonete listens on ${url}`,
    `Data, durable:      ${dataFile}`,
    `Accounts 1 to 5 are open. Try:`,
    `  curl -d '{"valor": 1000, "tipo": "c", "descricao": "salary"}' ${url}/clientes/1/transacoes`,
    `  curl ${url}/clientes/1/extrato`,
  ].join("\n");
}

function warn(message: string): void {
  console.error(`razonete: ${message}`);
}
