import { Command } from "commander";
import { OPEN } from "../access/access-keys.ts";
import { BookKeySource } from "../access/book-keys.ts";
import { KnownKeys } from "../access/known-keys.ts";
import { decideAccess, FIRST_KEY } from "../access/start-rules.ts";
import { Feed } from "../carry/feed.ts";
import { type ApiConfig, readApiConfig, type ServeFlags } from "../config.ts";
import { commandLine } from "../config/npm.ts";
import { RedisLedger } from "../decide/redis-ledger.ts";
import { BookJournal } from "../events/book-journal.ts";
import { EventHub } from "../events/event-hub.ts";
import { type HttpServer, startHttpServer } from "../http/server.ts";
import { Books } from "../keep/books.ts";
import { openLog } from "../log/log.ts";
import { requireTrusted } from "../tls/require-trusted.ts";
import { bounds } from "../bounds.ts";
import { OPEN_OPTION, OPEN_VARIABLE, TLS_VARIABLES } from "./ledger-options.ts";
import { readersMax, requireOpenFiles } from "./open-files.ts";
import { reachOf, runServer } from "./run-server.ts";

const BOOKS_CONNECTIONS_MAX = 2;
const log = openLog("razonete", "people");
const { warn } = log;

export function apiCommand(): Command {
  return new Command("api")
    .description("serve the ledger of a cluster: one of its APIs, behind a balancer")
    .option("--open", `${OPEN_OPTION} (OPEN=1)`)
    .addHelpText(
      "after",
      [
        "",
        "Settings, from the environment:",
        "  DATABASE_URL        the books in PostgreSQL",
        "  REDIS_URL           where Redis decides (default redis://127.0.0.1:6379; or unix://:password@/path)",
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
        ...OPEN_VARIABLE,
      ].join("\n"),
    )
    .action(async (flags: Pick<ServeFlags, "open">) => serveApi(readApiConfig(flags)));
}

async function serveApi(config: ApiConfig): Promise<void> {
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
  const feed = new Feed({ url: natsUrl, name: "razonete api", onOutage: warn });
  const balancerResends = requestIdHeader !== undefined;
  const ledger = new RedisLedger({
    redisUrl,
    books,
    feed,
    durable,
    outboxBatchesMax,
    balancerResends,
    onOutage: warn,
  });
  // Connections of its own, so that readers take none from those who wait for an answer.
  const journal = new BookJournal(url, "razonete api events");
  const events = new EventHub({ journal, log, readers_max: readersMax(filesMax) });
  const keys = config.open === "always" ? null : keysOf(url);
  const close = async (): Promise<void> => {
    keys?.close();
    await events.close();
    await ledger.close();
    await Promise.all([feed.close(), books.close()]);
  };
  let server: HttpServer | null = null;
  let access: string[];
  try {
    // Without PostgreSQL it starts all the same, and answers nothing until it knows the keys.
    await keys?.lookOrReport();
    server = startHttpServer(ledger, {
      address: config.address,
      onDefect: warn,
      events,
      access: keys ?? OPEN,
      ...(requestIdHeader === undefined ? {} : { requestIdHeader }),
      ...(clientAddressHeader === undefined ? {} : { clientAddressHeader }),
    });
    const create = `${commandLine()} keys create ${FIRST_KEY}`;
    access = decideAccess(keys, config.open, reachOf(server, config.address), create);
  } catch (error) {
    await server?.stop();
    await close();
    throw error;
  }
  keys?.watch();
  const banner = [`Razonete API listens on ${server.url}`, ...access];
  await runServer(server, banner.join("\n"), config.drainMilliseconds, close);
}

function keysOf(databaseUrl: string): KnownKeys {
  const source = new BookKeySource(databaseUrl);
  return new KnownKeys({ source, lookMilliseconds: bounds.access_keys_look_milliseconds, report: warn });
}
