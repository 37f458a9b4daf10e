import { Command } from "commander";
import { OPEN } from "../access/access-keys.ts";
import { BookKeySource } from "../access/book-keys.ts";
import { KnownKeys } from "../access/known-keys.ts";
import { decideAccess, FIRST_KEY } from "../access/start-rules.ts";
import { Feed } from "../carry/feed.ts";
import { type ApiConfig, ENVIRONMENT, readApiConfig, type ServeFlags } from "../config.ts";
import { readWebhookSettings } from "../config/dispatch-config.ts";
import { commandLine } from "../config/npm.ts";
import { type LogFlags, type ObserveConfig, readObserveConfig } from "../config/observe-config.ts";
import { RedisLedger } from "../decide/redis-ledger.ts";
import { BookJournal } from "../events/book-journal.ts";
import { BookHooks } from "../hooks/book-hooks.ts";
import { HookTables } from "../hooks/hook-tables.ts";
import { EventHub } from "../events/event-hub.ts";
import { type HttpServer, startHttpServer } from "../http/server.ts";
import { Books } from "../keep/books.ts";
import { EdgeCounters } from "../metrics/edge-counters.ts";
import { DecideMeasures } from "../metrics/hot-histogram.ts";
import type { MetricsServer } from "../metrics/metrics-server.ts";
import { type Log, openLog } from "../log/log.ts";
import { requireTrusted } from "../tls/require-trusted.ts";
import { bounds } from "../bounds.ts";
import { openTracing } from "../traces/open-tracing.ts";
import { LOG_FORMAT_FLAG } from "./command-log.ts";
import {
  METRICS_VARIABLES,
  OPEN_OPTION,
  OPEN_VARIABLE,
  REPLICA_VARIABLES,
  TLS_VARIABLES,
  TRACE_VARIABLES,
} from "./ledger-options.ts";
import { readersMax, requireOpenFiles } from "./open-files.ts";
import { reachOf, runServer } from "./run-server.ts";

const BOOKS_CONNECTIONS_MAX = 2;

export function apiCommand(): Command {
  return new Command("api")
    .description("serve the ledger of a cluster: one of its APIs, behind a balancer")
    .option("--open", `${OPEN_OPTION} (OPEN=1)`)
    .option(...LOG_FORMAT_FLAG)
    .addHelpText(
      "after",
      [
        "",
        "Settings, from the environment:",
        "  DATABASE_URL        the books in PostgreSQL",
        "  REDIS_URL           where Redis decides (default redis://127.0.0.1:6379; or unix://:password@/path, or some",
        "                      nodes of a Redis Cluster: redis-cluster://user:password@a:6379,b:6379)",
        ...REPLICA_VARIABLES,
        "  NATS_URL            where batches are published (default nats://127.0.0.1:4222)",
        ...TLS_VARIABLES,
        "  HOST, PORT          what to listen on (default 127.0.0.1, 9999), or",
        "  SOCKET              the path of a unix socket",
        "  REQUEST_ID_HEADER   the header in which the balancer, and nobody else, stamps an id on each request;",
        "                      needed where it sends a request again when an API died",
        "  CLIENT_ADDRESS_HEADER",
        "                      the header in which that balancer, and nobody else, writes the client's address: who sends many",
        "                      wrong access keys from one is slowed down",
        "  DRAIN_MS            how long /readyz says 503 before a stop takes no more connections (default 1000)",
        "  DURABILITY          relaxed takes a Redis and a PostgreSQL that do not fsync before they answer (default strict)",
        "  OUTBOX_BATCHES_MAX  so many batches may wait for the books, then transactions get 503 (default 100000)",
        ...METRICS_VARIABLES,
        ...OPEN_VARIABLE,
        ...TRACE_VARIABLES,
      ].join("\n"),
    )
    .action(async (flags: Pick<ServeFlags, "open"> & LogFlags) =>
      serveApi(readApiConfig(flags), readObserveConfig(ENVIRONMENT, flags)),
    );
}

async function serveApi(config: ApiConfig, observe: ObserveConfig): Promise<void> {
  const { logFormat, traces } = observe;
  const log = openLog("razonete", logFormat, "razonete api");
  const filesMax = requireOpenFiles(bounds.open_files_min);
  await requireTrusted(config);
  const { databaseUrl: url, redisUrl, natsUrl, durable, outboxBatchesMax } = config;
  const { requestIdHeader, clientAddressHeader } = config;
  const books = new Books({
    url,
    name: "razonete api",
    connections_max: BOOKS_CONNECTIONS_MAX,
    answer_milliseconds_max: bounds.history_milliseconds_max,
  });
  const feed = new Feed({ url: natsUrl, name: "razonete api", onOutage: log.report });
  const counters = new EdgeCounters();
  const measures = new DecideMeasures();
  const tracing = await openTracing("api", traces);
  const balancerResends = requestIdHeader !== undefined;
  const ledger = new RedisLedger({
    redisUrl,
    minReplicas: config.minReplicas,
    books,
    feed,
    durable,
    outboxBatchesMax,
    balancerResends,
    measures,
    tracing,
    onOutage: log.report,
  });
  // Connections of its own, so that readers take none from those who wait for an answer.
  const journal = new BookJournal(url, "razonete api events");
  const events = new EventHub({ journal, log, readers_max: readersMax(filesMax) });
  const keys = config.open === "always" ? null : keysOf(url, log);
  const hookBooks = new BookHooks(url, "razonete api webhooks");
  const hooks = new HookTables({
    database: hookBooks,
    journal,
    innerAllowed: readWebhookSettings(ENVIRONMENT).innerAllowed,
    keyHours: () => hookBooks.keyHours(),
  });
  const close = async (): Promise<void> => {
    keys?.close();
    await events.close();
    await metrics?.stop();
    await ledger.close();
    await Promise.all([feed.close(), books.close(), hooks.close(), tracing?.close()]);
  };
  let server: HttpServer | null = null;
  let metrics: MetricsServer | null = null;
  let access: string[];
  try {
    // Without PostgreSQL it starts all the same, and answers nothing until it knows the keys.
    await keys?.lookOrReport();
    server = startHttpServer(ledger, {
      address: config.address,
      onDefect: log.alarm,
      ...(logFormat === "json" ? { onUnavailable: log.warn } : {}),
      tracing,
      events,
      counters,
      access: keys ?? OPEN,
      hooks,
      ...(requestIdHeader === undefined ? {} : { requestIdHeader }),
      ...(clientAddressHeader === undefined ? {} : { clientAddressHeader }),
    });
    const create = `${commandLine()} keys create ${FIRST_KEY}`;
    if (observe.metrics !== null) {
      const { observeApi } = await import("../metrics/observe-api.ts");
      const { readiness } = server;
      const observed = {
        ledger,
        readiness,
        redisUrl,
        databaseUrl: url,
        outboxBatchesMax,
        counters,
        measures,
        events,
      };
      metrics = observeApi(observe.metrics, observed);
    }
    access = decideAccess(keys, config.open, reachOf(server, config.address), create);
  } catch (error) {
    await server?.stop();
    await close();
    throw error;
  }
  keys?.watch();
  const banner = [`Razonete API listens on ${server.url}`, ...access];
  const about = { access: access.map((line) => line.trim()).join(" ") };
  await runServer(server, log, banner.join("\n"), about, config.drainMilliseconds, close);
}

function keysOf(databaseUrl: string, { warn }: Log): KnownKeys {
  const source = new BookKeySource(databaseUrl);
  return new KnownKeys({ source, lookMilliseconds: bounds.access_keys_look_milliseconds, report: warn });
}
