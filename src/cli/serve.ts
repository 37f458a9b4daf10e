import { dirname } from "node:path";
import { Command } from "commander";
import { version } from "../../package.json" with { type: "json" };
import { OPEN } from "../access/access-keys.ts";
import { KeyFileSource, keyFileOf } from "../access/key-file.ts";
import { KnownKeys } from "../access/known-keys.ts";
import { decideAccess, FIRST_KEY } from "../access/start-rules.ts";
import { lastAuditOf } from "../audit/audit-note.ts";
import { bounds } from "../bounds.ts";
import { ownProgram } from "../build/programs.ts";
import {
  ENVIRONMENT,
  readServeConfig,
  SERVE_DEFAULTS,
  type ServeConfig,
  type ServeFlags,
} from "../config.ts";
import { readWebhookSettings } from "../config/dispatch-config.ts";
import { commandLine } from "../config/npm.ts";
import { DispatchChild } from "../dispatch/dispatch-child.ts";
import { EventHub } from "../events/event-hub.ts";
import type { ConsoleStatus } from "../console/console-status.ts";
import { EmbeddedStatus } from "../console/embedded-status.ts";
import { consoleRoutes } from "../console/routes.ts";
import { type LogFlags, type ObserveConfig, readObserveConfig } from "../config/observe-config.ts";
import { EmbeddedLedger } from "../embedded/embedded-ledger.ts";
import { FileJournal } from "../events/file-journal.ts";
import { FileHooks, hookFileOf } from "../hooks/file-hooks.ts";
import { countHooks } from "../hooks/hook-counts.ts";
import { HookTables } from "../hooks/hook-tables.ts";
import { firstSteps } from "../first-steps.ts";
import { boundConnections } from "../http/bound-connections.ts";
import { openKernelSockets } from "../http/kernel-sockets.ts";
import { EdgeCounters } from "../metrics/edge-counters.ts";
import { DecideMeasures } from "../metrics/hot-histogram.ts";
import type { WebhookSource } from "../metrics/observe-embedded.ts";
import type { Metrics } from "../metrics/registry.ts";
import { type HttpServer, startHttpServer } from "../http/server.ts";
import { timestamp } from "../http/timestamp.ts";
import { type Log, openLog } from "../log/log.ts";
import { shellWord } from "../stack/shell-word.ts";
import {
  type Certificate,
  type CertificateFiles,
  CertificateWatch,
  readCertificate,
} from "../tls/certificate.ts";
import { openTracing } from "../traces/open-tracing.ts";
import { LOG_FORMAT_FLAG } from "./command-log.ts";
import {
  LEDGER_VARIABLES,
  NO_INITIAL_ACCOUNTS,
  OPEN_OPTION,
  OPEN_VARIABLE,
  TLS_CERT_FLAG,
  TLS_KEY_FLAG,
  TRACE_VARIABLES,
} from "./ledger-options.ts";
import { readersMax, requireOpenFiles } from "./open-files.ts";
import { reachOf, runServer } from "./run-server.ts";

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
    .option(...LOG_FORMAT_FLAG)
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
        ...TRACE_VARIABLES,
      ].join("\n"),
    )
    .action(async (flags: ServeFlags & LogFlags) =>
      serve(readServeConfig(flags), readObserveConfig(ENVIRONMENT, flags)),
    );
}

async function serve(config: ServeConfig, { logFormat, traces }: ObserveConfig): Promise<void> {
  // What it writes is for its user alone.
  process.umask(0o077);
  const log = openLog("razonete", logFormat, "razonete serve");
  const filesMax = requireOpenFiles(bounds.open_files_min);
  const certificate = config.tls === null ? null : readCertificate(config.tls);
  const webhooks = readWebhookSettings(ENVIRONMENT);
  const { dataFile: file, initialAccounts, keyHours } = config;
  const journal = new FileJournal(file, "here");
  const onCommitted = journal.committed;
  const events = new EventHub({ journal, log, readers_max: readersMax(filesMax) });
  const counters = new EdgeCounters();
  const measures = new DecideMeasures();
  const tracing = await openTracing("serve", traces);
  const ledger = new EmbeddedLedger({
    file,
    initialAccounts,
    keyHours,
    measures,
    tracing,
    onOutage: log.report,
    onCommitted,
  });
  const keys = config.open === "always" ? null : keysOf(file, log);
  const hookFile = new FileHooks(hookFileOf(file));
  const ofWebhooks: WebhookSource = {
    get isDispatching() {
      return dispatching?.isRunning ?? null;
    },
    counts: () => countHooks(hookFile),
  };
  const lastAudit = () => auditBeside(file);
  const status = new EmbeddedStatus({ version, ledger, counters, lastAudit, webhooks: ofWebhooks });
  const hooks = new HookTables({
    database: hookFile,
    journal,
    innerAllowed: webhooks.innerAllowed,
    keyHours: async () => keyHours ?? bounds.idempotency_key_kept_seconds / 3600,
  });
  let dispatching: DispatchChild | null = null;
  const close = async (): Promise<void> => {
    keys?.close();
    await dispatching?.stop();
    await hooks.close();
    // Before the ledger, see FileJournal.
    await events.close();
    await status.close();
    await ledger.close();
    await tracing?.close();
  };
  let server: HttpServer | null = null;
  let observed: Metrics | null = null;
  const metrics = async (): Promise<Response> => {
    // Nobody who does not look at them pays for them.
    const { observeEmbedded } = await import("../metrics/observe-embedded.ts");
    const readiness = () => server?.readiness() ?? ledger.readiness();
    const certificateFile = config.tls?.certFile ?? null;
    const about = { ledger, readiness, dataFile: file, counters, measures, certificateFile, events };
    observed ??= observeEmbedded({ ...about, webhooks: ofWebhooks });
    return observed.response();
  };
  let access: string[];
  try {
    await keys?.look();
    server = startHttpServer(ledger, {
      address: config.address,
      access: keys ?? OPEN,
      events,
      limits: { perAddress: config.ratePerAddress },
      hooks,
      ...(certificate === null ? {} : { certificate }),
      onDefect: log.alarm,
      ...(logFormat === "json" ? { onUnavailable: log.warn } : {}),
      tracing,
      counters,
      metrics,
      routes: consoleRoutes(status),
    });
    const create = `${commandLine()} keys create --data ${shellWord(dirname(file))} ${FIRST_KEY}`;
    access = decideAccess(keys, config.open, reachOf(server, config.address), create);
  } catch (error) {
    await server?.stop();
    await close();
    throw error;
  }
  keys?.watch();
  const command = [
    ...ownProgram(),
    "dispatch",
    "--until-input-ends",
    "--log-format",
    logFormat,
    "--data",
    dirname(file),
  ];
  dispatching = new DispatchChild(command, hookFileOf(file), log);
  for (const warning of certificate?.warnings ?? []) log.warn(warning);
  const watch = config.tls === null ? null : watchCertificate(config.tls, server, log);
  keepOthersIn(server, filesMax, log);
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
  const about = { data: file, access: access.map((line) => line.trim()).join(" ") };
  await runServer(server, log, banner, about, config.drainMilliseconds, close, onHangUp);
}

function auditBeside(dataFile: string): ConsoleStatus["audit"] {
  const last = lastAuditOf(dataFile);
  if (last === null) return null;
  const { finishedAt, agreed, findings } = last;
  return { at: timestamp(Math.round(finishedAt * 1e6)), agreed, findings };
}

function keysOf(dataFile: string, { warn }: Log): KnownKeys {
  const source = new KeyFileSource(keyFileOf(dataFile));
  return new KnownKeys({ source, lookMilliseconds: bounds.access_key_file_look_milliseconds, report: warn });
}

function watchCertificate(files: CertificateFiles, server: HttpServer, { warn }: Log): CertificateWatch {
  const renew = (next: Certificate): void => {
    if (server.renew(next)) return;
    warn(
      "this system cannot hand over to another listener: connections that were being opened may have been reset.",
    );
  };
  return new CertificateWatch(files, renew, warn);
}

/** @param filesMax that may be open; some are for the data file and what the system needs */
function keepOthersIn(server: HttpServer, filesMax: number, { warn }: Log): void {
  const sockets = openKernelSockets();
  if (sockets === null || server.port === null) return;
  const max = Math.min(bounds.connections_max, Math.floor(filesMax * CONNECTIONS_SHARE));
  boundConnections(sockets, server.port, max, warn);
}

/** Of the files that may be open: what comes between two looks needs room. */
const CONNECTIONS_SHARE = 0.6;
