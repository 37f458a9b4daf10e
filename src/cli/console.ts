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
import { openLog } from "../log/log.ts";
import { requireTrusted } from "../tls/require-trusted.ts";
import { OPEN_OPTION, OPEN_VARIABLE, TLS_VARIABLES } from "./ledger-options.ts";
import { reachOf, runServer } from "./run-server.ts";

const { warn } = openLog("razonete", "people");

export function consoleCommand(): Command {
  return new Command("console")
    .description("serve the console of a cluster, behind its balancer: the page, and how the parts are")
    .option("--open", `${OPEN_OPTION} (OPEN=1)`)
    .addHelpText(
      "after",
      [
        "",
        "Settings, from the environment:",
        "  DATABASE_URL        the books in PostgreSQL, of which it only reads",
        ...TLS_VARIABLES,
        "  HOST, PORT          what to listen on (default 127.0.0.1, 9998)",
        "  METRICS_TARGETS     the parts that it asks how they are, as name=address with commas between them: http://... of",
        "                      metrics or of a health route, unix:/path, redis://host:port, nats://host:port",
        "  CLIENT_ADDRESS_HEADER",
        "                      as for razonete api",
        "  DRAIN_MS            how long /readyz says 503 before a stop takes no more connections (default 0)",
        ...OPEN_VARIABLE,
      ].join("\n"),
    )
    .action(async (flags: Pick<ServeFlags, "open">) => serveConsole(readConsoleConfig(ENVIRONMENT, flags)));
}

async function serveConsole(config: ConsoleConfig): Promise<void> {
  const { databaseUrl, targets, clientAddressHeader } = config;
  await requireTrusted({ databaseUrl });
  const keys = config.open === "always" ? null : keysOf(databaseUrl);
  const status = new ClusterStatus({ version, targets, books: new PostgresStatusBooks(databaseUrl) });
  const close = async (): Promise<void> => {
    keys?.close();
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
        onDefect: warn,
        access: keys ?? OPEN,
        ...(clientAddressHeader === undefined ? {} : { clientAddressHeader }),
      },
    );
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
  await runServer(server, banner.join("\n"), config.drainMilliseconds, close);
}

function keysOf(databaseUrl: string): KnownKeys {
  const source = new BookKeySource(databaseUrl);
  return new KnownKeys({ source, lookMilliseconds: bounds.access_keys_look_milliseconds, report: warn });
}
