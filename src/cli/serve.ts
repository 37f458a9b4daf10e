import { dirname } from "node:path";
import { Command } from "commander";
import { OPEN } from "../access/access-keys.ts";
import { KeyFileSource, keyFileOf } from "../access/key-file.ts";
import { KnownKeys } from "../access/known-keys.ts";
import { decideAccess, FIRST_KEY } from "../access/start-rules.ts";
import { bounds } from "../bounds.ts";
import { readServeConfig, SERVE_DEFAULTS, type ServeConfig, type ServeFlags } from "../config.ts";
import { commandLine } from "../config/npm.ts";
import { EventHub } from "../events/event-hub.ts";
import { FileJournal } from "../events/file-journal.ts";
import { EmbeddedLedger } from "../embedded/embedded-ledger.ts";
import { firstSteps } from "../first-steps.ts";
import { boundConnections } from "../http/bound-connections.ts";
import { openKernelSockets } from "../http/kernel-sockets.ts";
import { type HttpServer, startHttpServer } from "../http/server.ts";
import { openLog } from "../log/log.ts";
import { shellWord } from "../stack/shell-word.ts";
import {
  type Certificate,
  type CertificateFiles,
  CertificateWatch,
  readCertificate,
} from "../tls/certificate.ts";
import {
  LEDGER_VARIABLES,
  NO_INITIAL_ACCOUNTS,
  OPEN_OPTION,
  OPEN_VARIABLE,
  TLS_CERT_FLAG,
  TLS_KEY_FLAG,
} from "./ledger-options.ts";
import { readersMax, requireOpenFiles } from "./open-files.ts";
import { reachOf, runServer } from "./run-server.ts";

const log = openLog("razonete", "people");
const { warn } = log;

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
    .option("--open", `${OPEN_OPTION} (OPEN=1)`)
    .option("--no-initial-accounts", `${NO_INITIAL_ACCOUNTS} (INITIAL_ACCOUNTS=none)`)
    .addHelpText(
      "after",
      [
        "",
        "The names in capitals are environment variables; a flag counts over its variable. There are also:",
        "  DRAIN_MS           how long /readyz says 503 before a stop takes no more connections (default 500)",
        ...OPEN_VARIABLE,
        "  RATE_PER_ADDRESS   requests a second that one address may send, 0 for any number (default",
        `                     ${bounds.address_requests_per_second}, and any number where only this machine can reach it)`,
        ...LEDGER_VARIABLES,
      ].join("\n"),
    )
    .action(async (flags: ServeFlags) => serve(readServeConfig(flags)));
}

async function serve(config: ServeConfig): Promise<void> {
  // What it writes is for its user alone.
  process.umask(0o077);
  const filesMax = requireOpenFiles(bounds.open_files_min);
  const certificate = config.tls === null ? null : readCertificate(config.tls);
  const { dataFile: file, initialAccounts, keyHours } = config;
  const journal = new FileJournal(file, "here");
  const onCommitted = journal.committed;
  const ledger = new EmbeddedLedger({ file, initialAccounts, keyHours, onOutage: warn, onCommitted });
  const events = new EventHub({ journal, log, readers_max: readersMax(filesMax) });
  const keys = config.open === "always" ? null : keysOf(file);
  const close = async (): Promise<void> => {
    keys?.close();
    // Before the ledger, see FileJournal.
    await events.close();
    await ledger.close();
  };
  let server: HttpServer | null = null;
  let access: string[];
  try {
    await keys?.look();
    server = startHttpServer(ledger, {
      address: config.address,
      access: keys ?? OPEN,
      events,
      limits: { perAddress: config.ratePerAddress },
      ...(certificate === null ? {} : { certificate }),
      onDefect: warn,
    });
    const create = `${commandLine()} keys create --data ${shellWord(dirname(file))} ${FIRST_KEY}`;
    access = decideAccess(keys, config.open, reachOf(server, config.address), create);
  } catch (error) {
    await server?.stop();
    await close();
    throw error;
  }
  keys?.watch();
  for (const warning of certificate?.warnings ?? []) warn(warning);
  const watch = config.tls === null ? null : watchCertificate(config.tls, server);
  keepOthersIn(server, filesMax);
  const hasInitial = (await ledger.account("1")) !== null;
  const inClear = config.tls === null && keys !== null && !server.onlyThisMachine;
  const banner = [
    `Razonete listens on ${server.url}`,
    `Data, durable:      ${file}`,
    ...access,
    ...(inClear ? ["Without TLS (--tls-cert): whoever is on the way can read access keys and amounts."] : []),
    ...firstSteps(server.url, hasInitial, keys?.isOpen === false),
  ].join("\n");
  const onHangUp = watch === null ? undefined : () => void watch.renew();
  await runServer(server, banner, config.drainMilliseconds, close, onHangUp);
}

function keysOf(dataFile: string): KnownKeys {
  const source = new KeyFileSource(keyFileOf(dataFile));
  return new KnownKeys({ source, lookMilliseconds: bounds.access_key_file_look_milliseconds, report: warn });
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
