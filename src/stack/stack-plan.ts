import { join } from "node:path";
import { SOURCE_PROGRAM } from "../build/programs.ts";
import type { ServerUrls } from "../config/server-config.ts";
import { BOOKS_ROLES, OBSERVER_ROLE } from "../keep/roles.ts";
import { type BooksUser, credentialsOf, type StackUser } from "./credentials.ts";
import type { DataFolder } from "./data-folder.ts";
import { metricsSettings, type MetricsTarget, metricsTargets } from "./metrics-targets.ts";
import type { OtherPorts } from "./ports.ts";
import { planDispatchers } from "./plan-dispatch.ts";
import { DEPLOY, type ProcessPlan, type ServerOptions } from "./process-plan.ts";
import { BOOKS } from "./postgres.ts";
import { alwaysReady, httpProbe } from "./probes.ts";
import { planNats } from "./servers/plan-nats.ts";
import { planPostgres } from "./servers/plan-postgres.ts";
import { planRedis } from "./servers/plan-redis.ts";

/** Plans the processes of a stack: command lines, environment, sockets. Starts none of them. */

/** The header in which HAProxy passes the id of a request to the APIs. */
export const REQUEST_ID_HEADER = "Razonete-Request-Id";

/** The header in which HAProxy passes the client's address to the APIs. */
export const CLIENT_ADDRESS_HEADER = "Razonete-Client-Address";

/**
 * How long a stopping API answers 503 on /readyz before it stops. Even on a busy machine, this is longer than HAProxy
 * needs to notice it, which is two checks 200 ms apart.
 */
const DRAIN_MILLISECONDS = 1_000;

// The maximum length of a unix socket's path: 108 bytes with the closing zero on Linux, 104 on macOS.
const SOCKET_PATH_BYTES_MAX = 103;

/** The command lines of our own processes. */
export interface OwnCommands {
  readonly init: readonly string[];
  readonly restore: readonly string[];
  readonly api: readonly string[];
  readonly writer: readonly string[];
  readonly dispatch: readonly string[];
  readonly console: readonly string[];
}

/**
 * Settings of Bun's memory allocator. Its thread that returns memory to the system takes a twentieth of a busy process's
 * time, and the same memory is soon needed again.
 */
export const RUNTIME_SETTINGS = { MIMALLOC_SCAVENGER: "0", MIMALLOC_PURGE_HOLES: "0" } as const;

export const OWN_COMMANDS: OwnCommands = {
  init: [...SOURCE_PROGRAM, "init"],
  restore: [...SOURCE_PROGRAM, "restore"],
  api: [...SOURCE_PROGRAM, "api"],
  writer: [...SOURCE_PROGRAM, "writer"],
  dispatch: [...SOURCE_PROGRAM, "dispatch"],
  console: [...SOURCE_PROGRAM, "console"],
};

/** Where the servers are, in the environment of one of our own processes. */
export type Addresses = Readonly<Record<"REDIS_URL" | "NATS_URL" | "DATABASE_URL", string>>;

export interface StackPlan {
  readonly url: string;
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly natsUrl: string;
  /** The same three servers as each of our own processes uses them. The three above are the operator's. */
  readonly urlsOf: Readonly<Record<StackUser, ServerUrls>>;
  /** The books of the processes that use nothing else. */
  readonly booksUrlOf: Readonly<Record<BooksUser, string>>;
  /** By which an observer looks after both, and sees nothing of the ledger in them. */
  readonly observerUrls: { readonly redis: string; readonly postgres: string };
  /** Where the processes tell what they measure; empty where there are no ports for that. */
  readonly metrics: readonly MetricsTarget[];
  /** `null`: it does not run. */
  readonly prometheusUrl: string | null;
  /** For a process that is to be the operator: what the others have of their own in their environment. */
  readonly operatorAddresses: Addresses;
  /** The socket for commands to HAProxy; null where the folder is too deep for one. */
  readonly haproxyAdmin: string | null;
  readonly haproxy: ProcessPlan;
  readonly apis: readonly ProcessPlan[];
  readonly redis: ProcessPlan;
  readonly nats: ProcessPlan;
  readonly writers: readonly ProcessPlan[];
  readonly postgres: ProcessPlan;
  /** What no transaction needs: where one of them does not start, the rest does. */
  readonly others: readonly ProcessPlan[];
  readonly init: ProcessPlan;
  /** To be run before `init`, on the terminal; null for no restore. */
  readonly restore: ProcessPlan | null;
}

/** Where HAProxy turns clients away; `undefined`: nowhere. */
export interface Limits {
  readonly addressConnections?: number | undefined;
  readonly addressRate?: number | undefined;
  readonly keyRate?: number | undefined;
}

export interface PlanOptions extends ServerOptions {
  readonly own: OwnCommands;
  /** The flags of the restore; null: no restore. */
  readonly restore: readonly string[] | null;
  /** HAProxy's port. */
  readonly port: number;
  /** Of the certificate for clients, with its key; default: without TLS. */
  readonly certificateFile?: string | null;
  readonly limits?: Limits;
  readonly apis: number;
  readonly writers: number;
  /** Who sends webhooks; default: none. */
  readonly dispatchers?: number;
  /** Free ports on loopback: `PORTS_BESIDE_APIS`, and one more for each API. */
  readonly ports: readonly number[];
  /** For what is beside the ledger; where there are none, it does not run. */
  readonly otherPorts?: OtherPorts | null;
  /** Additional variables for our own processes. */
  readonly ownEnvironment: Readonly<Record<string, string>>;
}

/** One each for Redis, NATS and PostgreSQL. */
export const PORTS_BESIDE_APIS = 3;

export function planStack(options: PlanOptions): StackPlan {
  const { folder, programs, environment, own } = options;
  const credentials = credentialsOf(folder.password);
  const [redisPort = 0, natsPort = 0, postgresPort = 0, ...apiPorts] = options.ports;
  const booksUrl = (role: string, password: string): string =>
    `postgres://${role}:${password}@127.0.0.1:${postgresPort}/${BOOKS}`;
  const urlsFor = (password: string, redis: string, nats: string, books: string): ServerUrls => ({
    redisUrl: `redis://${redis}:${password}@127.0.0.1:${redisPort}`,
    natsUrl: `nats://${nats}:${password}@127.0.0.1:${natsPort}`,
    databaseUrl: booksUrl(books, password),
  });
  // With its user: redis-cli takes an empty one for a name.
  const { redisUrl, natsUrl, databaseUrl } = urlsFor(credentials.operator, "default", BOOKS, BOOKS);
  const urlsOf = {
    // It makes tables and roles, so it has the books' owner.
    admin: { ...urlsFor(credentials.admin, "admin", "admin", ""), databaseUrl },
    api: urlsFor(credentials.api, "api", "api", BOOKS_ROLES.api),
    writer: urlsFor(credentials.writer, "writer", "writer", BOOKS_ROLES.writer),
  };
  const url = `${options.certificateFile ? "https" : "http"}://127.0.0.1:${options.port}`;
  const socket = join(folder.run, "redis.sock");
  const redisSocket = isSocketPath(socket) ? socket : null;
  const addressesOf = (name: string, password: string, urls: ServerUrls): Addresses => {
    const { redisUrl: overLoopback, natsUrl: NATS_URL, databaseUrl: DATABASE_URL } = urls;
    // A unix socket costs half as much in the kernel as a connection over loopback, which other programs use.
    const REDIS_URL =
      redisSocket !== null
        ? `unix://${name}:${password}@${redisSocket.split("/").map(encodeURIComponent).join("/")}`
        : overLoopback;
    return { REDIS_URL, NATS_URL, DATABASE_URL };
  };
  const environmentOf = (user: StackUser): Readonly<Record<string, string>> => {
    const addresses = addressesOf(user, credentials[user], urlsOf[user]);
    return { ...environment, ...RUNTIME_SETTINGS, ...options.ownEnvironment, ...addresses };
  };
  const operator = { redisUrl, natsUrl, databaseUrl };
  const otherPorts = options.otherPorts ?? null;
  const metricsOf = (name: string, user: StackUser) => ({
    ...environmentOf(user),
    ...metricsSettings(name, otherPorts),
  });
  const apis = apiPorts.map((port, index) => {
    const name = `api-${index + 1}`;
    return planApi(name, port, folder, own, metricsOf(name, "api"));
  });
  const natsMonitor = otherPorts === null ? null : `127.0.0.1:${otherPorts("nats-monitor")}`;
  const ofWriters = {
    ...(natsMonitor === null ? {} : { NATS_MONITOR_URL: `http://${natsMonitor}` }),
    ...(options.certificateFile ? { METRICS_CERTIFICATE: options.certificateFile } : {}),
  };
  const writers = Array.from({ length: options.writers }, (_, index) => {
    const name = `writer-${index + 1}`;
    return {
      name,
      kind: "writer" as const,
      command: own.writer,
      environment: { ...metricsOf(name, "writer"), ...ofWriters },
      probe: alwaysReady,
    };
  });

  const adminSocket = join(folder.run, "haproxy.sock");
  const haproxyAdmin = isSocketPath(adminSocket) ? adminSocket : null;
  return {
    url,
    databaseUrl,
    redisUrl,
    natsUrl,
    urlsOf,
    booksUrlOf: {
      dispatch: booksUrl(BOOKS_ROLES.dispatch, credentials.dispatch),
      console: booksUrl(BOOKS_ROLES.console, credentials.console),
    },
    observerUrls: {
      redis: `redis://observer:${credentials.observer}@127.0.0.1:${redisPort}`,
      postgres: `${booksUrl(OBSERVER_ROLE, credentials.observer)}?sslmode=disable`,
    },
    prometheusUrl: null,
    metrics: otherPorts === null ? [] : metricsTargets(otherPorts, { dispatchers: 0, ...options }),
    operatorAddresses: addressesOf("default", credentials.operator, operator),
    haproxyAdmin,
    haproxy: {
      name: "haproxy",
      kind: "haproxy",
      command: [programs.haproxy, "-db", "-f", join(DEPLOY, "haproxy/haproxy.cfg")],
      environment: {
        ...environment,
        HAPROXY_BIND: `127.0.0.1:${options.port}`,
        REQUEST_ID_HEADER,
        ...haproxySettings(options, haproxyAdmin),
        ...(otherPorts === null ? {} : { HAPROXY_METRICS: `127.0.0.1:${otherPorts("haproxy-metrics")}` }),
        ...Object.fromEntries(apis.map(({ address }, index) => [`HAPROXY_API_${index + 1}`, address])),
      },
      ...(haproxyAdmin === null ? {} : { socket: haproxyAdmin }),
      probe: httpProbe(`${url}/readyz`),
    },
    apis: apis.map(({ plan }) => plan),
    redis: planRedis(options, credentials, { port: redisPort, url: redisUrl, socket: redisSocket }),
    nats: planNats(options, credentials, { port: natsPort, url: natsUrl, monitor: natsMonitor }),
    writers,
    postgres: planPostgres(options, { port: postgresPort, url: databaseUrl }),
    others: planDispatchers(
      { ...options, ownEnvironment: { ...RUNTIME_SETTINGS, ...options.ownEnvironment } },
      booksUrl(BOOKS_ROLES.dispatch, credentials.dispatch),
    ),
    restore:
      options.restore === null
        ? null
        : {
            name: "restore",
            kind: "init",
            command: [...own.restore, ...options.restore],
            environment: environmentOf("admin"),
            probe: alwaysReady,
          },
    init: {
      name: "init",
      kind: "init",
      command: own.init,
      environment: {
        ...environmentOf("admin"),
        DATABASE_API_PASSWORD: credentials.api,
        DATABASE_WRITER_PASSWORD: credentials.writer,
        DATABASE_DISPATCH_PASSWORD: credentials.dispatch,
        DATABASE_CONSOLE_PASSWORD: credentials.console,
        DATABASE_OBSERVER_PASSWORD: credentials.observer,
      },
      probe: alwaysReady,
    },
  };
}

/** Those of its variables that may be left out. */
function haproxySettings(
  { certificateFile = null, limits = {} }: PlanOptions,
  admin: string | null,
): Record<string, string> {
  const settings = {
    HAPROXY_TLS: certificateFile ?? undefined,
    HAPROXY_ADMIN: admin ?? undefined,
    HAPROXY_ADDRESS_CONNECTIONS: limits.addressConnections,
    HAPROXY_ADDRESS_RATE: limits.addressRate,
    HAPROXY_EVENTS: "yes",
    HAPROXY_KEY_LIMITS: "yes",
    HAPROXY_REQUEST_ID: "yes",
    HAPROXY_KEY_RATE: limits.keyRate,
  };
  return Object.fromEntries(
    Object.entries(settings).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])),
  );
}

/**
 * Whether a path can be the address of a unix socket for everyone here. In a deep folder it may be too long, and what
 * follows a `$` HAProxy would take for the name of a variable.
 */
function isSocketPath(path: string): boolean {
  return Buffer.byteLength(path) <= SOCKET_PATH_BYTES_MAX && !path.includes("$");
}

function planApi(
  name: string,
  port: number,
  folder: DataFolder,
  own: OwnCommands,
  environment: Readonly<Record<string, string>>,
): { readonly plan: ProcessPlan; readonly address: string } {
  const headers = { REQUEST_ID_HEADER, CLIENT_ADDRESS_HEADER };
  const common = { ...environment, DRAIN_MS: String(DRAIN_MILLISECONDS), ...headers };
  const socket = join(folder.run, `${name}.sock`);
  const base = { name, kind: "api", command: own.api } as const;
  if (!isSocketPath(socket)) {
    const address = `127.0.0.1:${port}`;
    const plan = {
      ...base,
      environment: { ...common, HOST: "127.0.0.1", PORT: String(port) },
      probe: httpProbe(`http://${address}/readyz`),
    };
    return { plan, address };
  }
  const plan = {
    ...base,
    environment: { ...common, SOCKET: socket },
    socket,
    probe: httpProbe("http://api/readyz", socket),
  };
  return { plan, address: `unix@${socket}` };
}
