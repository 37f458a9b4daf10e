import { Command } from "commander";
import { bounds } from "../bounds.ts";
import { readServeConfig, SERVE_DEFAULTS, type ServeConfig, type ServeFlags } from "../config.ts";
import { EmbeddedLedger } from "../embedded/embedded-ledger.ts";
import { firstSteps } from "../first-steps.ts";
import { boundConnections } from "../http/bound-connections.ts";
import { openKernelSockets } from "../http/kernel-sockets.ts";
import { type HttpServer, startHttpServer } from "../http/server.ts";
import {
  type Certificate,
  type CertificateFiles,
  CertificateWatch,
  readCertificate,
} from "../tls/certificate.ts";
import { LEDGER_VARIABLES, NO_INITIAL_ACCOUNTS, TLS_CERT_FLAG, TLS_KEY_FLAG } from "./ledger-options.ts";
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
    .option(...TLS_CERT_FLAG)
    .option(...TLS_KEY_FLAG)
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
  const filesMax = requireOpenFiles(bounds.open_files_min);
  const certificate = config.tls === null ? null : readCertificate(config.tls);
  const { dataFile: file, initialAccounts, keyHours } = config;
  const ledger = new EmbeddedLedger({ file, initialAccounts, keyHours, onOutage: warn });
  let server: HttpServer;
  try {
    const common = { address: config.address, onDefect: warn };
    server = startHttpServer(ledger, certificate === null ? common : { ...common, certificate });
  } catch (error) {
    await ledger.close();
    throw error;
  }
  for (const warning of certificate?.warnings ?? []) warn(warning);
  const watch = config.tls === null ? null : watchCertificate(config.tls, server);
  keepOthersIn(server, filesMax);
  const hasInitial = (await ledger.account("1")) !== null;
  await runServer(
    server,
    banner(server, config, hasInitial),
    config.drainMilliseconds,
    () => ledger.close(),
    watch === null ? undefined : () => void watch.renew(),
  );
}

function watchCertificate(files: CertificateFiles, server: HttpServer): CertificateWatch {
  const renew = (next: Certificate): void => {
    if (server.renew(next)) return;
    warn(
      "this system cannot hand over to another listener: connections that were being opened may have been reset.",
    );
  };
  return new CertificateWatch(files, renew, warn);
}

/** @param filesMax that may be open; some are for the data file and what the system needs */
function keepOthersIn(server: HttpServer, filesMax: number): void {
  const sockets = openKernelSockets();
  if (sockets === null || server.port === null) return;
  const max = Math.min(bounds.connections_max, Math.floor(filesMax * CONNECTIONS_SHARE));
  boundConnections(sockets, server.port, max, warn);
}

/** Of the files that may be open: what comes between two looks needs room. */
const CONNECTIONS_SHARE = 0.6;

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
