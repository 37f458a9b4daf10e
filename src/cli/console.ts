import { Command } from "commander";
import { version } from "../../package.json" with { type: "json" };
import { OPEN } from "../access/access-keys.ts";
import { BookKeySource } from "../access/book-keys.ts";
import { KnownKeys } from "../access/known-keys.ts";
import { decideAccess, FIRST_KEY } from "../access/start-rules.ts";
import { bounds } from "../bounds.ts";
import { ENVIRONMENT, type ServeFlags } from "../config.ts";
import { type ConsoleConfig, readConsoleConfig } from "../config/console-config.ts";
import { commandLine } from "../config/npm.ts";
import { ClusterStatus } from "../console/cluster-status.ts";
import { consoleRoutes } from "../console/routes.ts";
import { PostgresStatusBooks } from "../console/status-books.ts";
import { HEALTH_ROUTES } from "../http/routes.ts";
import { type HttpServer, serveRoutes } from "../http/server.ts";
import { LOG_FORMAT_FLAG } from "./command-log.ts";
import { type LogFlags, type ObserveConfig, readObserveConfig } from "../config/observe-config.ts";
import { EdgeCounters } from "../metrics/edge-counters.ts";
import type { MetricsServer } from "../metrics/metrics-server.ts";
import { type Log, openLog } from "../log/log.ts";
import { requireTrusted } from "../tls/require-trusted.ts";
import { METRICS_VARIABLES, OPEN_OPTION, OPEN_VARIABLE, TLS_VARIABLES } from "./ledger-options.ts";
import { reachOf, runServer } from "./run-server.ts";

export function consoleCommand(): Command {
  return new Command("console")
    .description("serve the console of a cluster, behind its balancer: the page, and how the parts are")
    .option("--open", `${OPEN_OPTION} (OPEN=1)`)
    .option(...LOG_FORMAT_FLAG)
    .addHelpText(
      "after",
      [
        "",
        "Settings, from the environment:",
        "  DATABASE_URL        the books in PostgreSQL, of which it only reads",
        ...TLS_VARIABLES,
        "  HOST, PORT          what to listen on (default 127.0.0.1, 9998)",
        "  METRICS_TARGETS     the parts that it asks how they are, as name=address with commas between them: http://... of",
        "                      metrics or of a health route, unix:/path, redis://host:port, nats://host:port,",
        "                      postgres://host:port",
        "  CLIENT_ADDRESS_HEADER",
        "                      as for razonete api",
        "  DRAIN_MS            how long /readyz says 503 before a stop takes no more connections (default 0)",
        ...METRICS_VARIABLES,
        ...OPEN_VARIABLE,
      ].join("\n"),
    )
    .action(async (flags: Pick<ServeFlags, "open"> & LogFlags) =>
      serveConsole(readConsoleConfig(ENVIRONMENT, flags), readObserveConfig(ENVIRONMENT, flags)),
    );
}

async function serveConsole(config: ConsoleConfig, observe: ObserveConfig): Promise<void> {
  const { logFormat } = observe;
  const log = openLog("razonete", logFormat, "razonete console");
  const { databaseUrl, targets, clientAddressHeader } = config;
  await requireTrusted({ databaseUrl });
  const keys = config.open === "always" ? null : keysOf(databaseUrl, log);
  const status = new ClusterStatus({ version, targets, books: new PostgresStatusBooks(databaseUrl) });
  const counters = new EdgeCounters();
  let metrics: MetricsServer | null = null;
  const close = async (): Promise<void> => {
    keys?.close();
    await metrics?.stop();
    await status.close();
  };
  let server: HttpServer | null = null;
  let access: string[];
  try {
    // Without PostgreSQL it shows its page all the same, and tells nothing until it knows the keys.
    await keys?.lookOrReport();
    server = serveRoutes(
      { ...HEALTH_ROUTES, ...consoleRoutes(status) },
      () => ({ ready: true }),
      (context) => context,
      {
        address: config.address,
        onDefect: log.alarm,
        counters,
        access: keys ?? OPEN,
        ...(clientAddressHeader === undefined ? {} : { clientAddressHeader }),
      },
    );
    if (observe.metrics !== null) {
      const { observeConsole } = await import("../metrics/observe-console.ts");
      metrics = observeConsole(observe.metrics, counters);
    }
    const create = `${commandLine()} keys create ${FIRST_KEY}`;
    access = decideAccess(keys, config.open, reachOf(server, config.address), create);
  } catch (error) {
    await server?.stop();
    await close();
    throw error;
  }
  keys?.watch();
  status.start();
  const banner = [`Razonete console listens on ${server.url}`, ...access];
  const about = { access: access.map((line) => line.trim()).join(" ") };
  await runServer(server, log, banner.join("\n"), about, config.drainMilliseconds, close);
}

function keysOf(databaseUrl: string, { warn }: Log): KnownKeys {
  const source = new BookKeySource(databaseUrl);
  return new KnownKeys({ source, lookMilliseconds: bounds.access_keys_look_milliseconds, report: warn });
}
