import { join } from "node:path";
import { createClient } from "@redis/client";
import { functionLibrary } from "../../src/decide/function-library.ts";
import { initialise } from "../../src/keep/init.ts";
import { BOOKS_ROLES } from "../../src/keep/roles.ts";
import { BOOKS_USERS, type BooksUser, type StackUser } from "../../src/stack/credentials.ts";
import { freePorts } from "./servers/free-ports.ts";
import type { MetricsTarget } from "../../src/stack/metrics-targets.ts";
import { OWN_COMMANDS, type OwnCommands } from "../../src/stack/stack-plan.ts";
import { serversDown, startHaproxy } from "./servers/haproxy.ts";
import { type NatsServer, startNats } from "./servers/nats.ts";
import { type PostgresServer, startPostgres } from "./servers/postgres.ts";
import { type RedisServer, startRedis } from "./servers/redis.ts";
import { ServerProcess } from "./servers/server-process.ts";
import { temporaryFolder } from "./temporary-folder.ts";
import { eventually } from "./eventually.ts";

const ROLE_PASSWORDS = {
  DATABASE_API_PASSWORD: "unused",
  DATABASE_WRITER_PASSWORD: "unused",
  DATABASE_DISPATCH_PASSWORD: "unused",
  DATABASE_CONSOLE_PASSWORD: "unused",
};
const MAIN = join(import.meta.dir, "../../src/cli/main.ts");

export interface ClusterOptions {
  readonly apis?: number;
  readonly writers?: number;
  /** What no transaction needs; the console is asked for `/readyz` on its port. */
  readonly others?: readonly BooksUser[];
  readonly shards?: number;
  /** Further settings of the APIs. */
  readonly environment?: Readonly<Record<string, string>>;
  /** PostgreSQL with fsync, and DURABILITY strict: where a test kills it, or is about what is on disk. */
  readonly durable?: boolean;
  /** In place of the processes as they are. */
  readonly own?: OwnCommands;
  /** What Redis's environment has besides. */
  readonly redisEnvironment?: Readonly<Record<string, string>>;
  /** In place of a Redis of its own. Its process ends with it. */
  readonly redis?: RedisServer;
  /** In place of a NATS of its own. Its process ends with it. */
  readonly nats?: NatsServer;
  /** The balancer gives each API its share of the requests; default true, so that several decide at once. */
  readonly roundRobin?: boolean;
  /** Each process tells what it measures, on a port of its own. */
  readonly observed?: boolean;
}

/**
 * The whole system as real processes, each with no more rights than it has in a stack, without a supervisor: what a test kills stays
 * dead until the test starts it.
 */
export class Cluster implements AsyncDisposable {
  readonly redis: RedisServer;
  readonly nats: NatsServer;
  readonly postgres: PostgresServer;
  databaseUrl: string;
  readonly #environment: Readonly<Record<string, string>>;
  readonly #own: OwnCommands;
  readonly #durable: boolean;
  readonly #started: ServerProcess[] = [];
  shards = 1;
  #observed = false;
  apis: readonly ServerProcess[] = [];
  writers: readonly ServerProcess[] = [];
  /** By the names of the options. */
  others: ReadonlyMap<BooksUser, ServerProcess> = new Map();
  haproxy: ServerProcess | null = null;
  /** Where the processes tell what they measure. */
  readonly metrics: MetricsTarget[] = [];

  private constructor(
    servers: readonly [RedisServer, NatsServer, PostgresServer, string],
    environment: Readonly<Record<string, string>>,
    own: OwnCommands,
    durable: boolean,
  ) {
    [this.redis, this.nats, this.postgres, this.databaseUrl] = servers;
    this.#environment = environment;
    this.#own = own;
    this.#durable = durable;
  }

  static async start(options: ClusterOptions = {}): Promise<Cluster> {
    const { apis = 2, writers = 1, shards = 1, environment = {}, durable = false } = options;
    const { own = OWN_COMMANDS, redisEnvironment = {}, roundRobin = true, others = [] } = options;
    const { observed = false } = options;
    const [natsMonitor = 0, haproxyMetrics = 0] = observed ? await freePorts(2) : [];
    const [redis, nats, postgres] = await Promise.all([
      options.redis ?? startRedis(redisEnvironment),
      options.nats ?? startNats(undefined, observed ? natsMonitor : undefined),
      startPostgres({ durable }),
    ]);
    const databaseUrl = await postgres.createDatabase();
    const watched = observed
      ? { ...environment, NATS_MONITOR_URL: `http://127.0.0.1:${natsMonitor}` }
      : environment;
    const cluster = new Cluster([redis, nats, postgres, databaseUrl], watched, own, durable);
    cluster.#observed = observed;
    try {
      cluster.shards = shards;
      const init = cluster.run("init");
      if (init.exitCode !== 0) throw new Error(`razonete init: ${init.stderr.toString()}`);
      [cluster.writers, cluster.apis, cluster.others] = await Promise.all([
        Promise.all(numbers(writers).map((number) => cluster.#writer(number))),
        Promise.all(numbers(apis).map((number) => cluster.#api(number))),
        Promise.all(others.map(async (name) => [name, await cluster.#other(name)] as const)).then(
          (started) => new Map(started),
        ),
      ]);
      if (apis === 0) return cluster;
      cluster.haproxy = await startHaproxy(
        cluster.apis.map((api) => api.port),
        roundRobin,
        {
          HAPROXY_REQUEST_ID: "yes",
          ...(observed ? { HAPROXY_METRICS: `127.0.0.1:${haproxyMetrics}` } : {}),
        },
      );
      if (observed) cluster.#tells("haproxy", "haproxy", haproxyMetrics);
      cluster.#started.push(cluster.haproxy);
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
    return cluster;
  }

  /** Through the balancer. */
  get url(): string {
    return `http://127.0.0.1:${this.haproxy?.port}`;
  }

  apiUrl(index: number): string {
    return `http://127.0.0.1:${this.apis[index]?.port}`;
  }

  /**
   * A ledger at its beginning in place of this one, on the same servers: sooner than starting all of them. For a
   * cluster without APIs, which would have to be started again as well.
   */
  async beginAnew(): Promise<void> {
    await Promise.all(this.writers.map((writer) => writer.kill()));
    await this.redisCommand("FLUSHALL");
    this.databaseUrl = await this.postgres.emptyDatabase();
    const servers = { databaseUrl: this.databaseUrl, redisUrl: this.redis.url };
    await initialise({ ...servers, shards: this.shards, library: functionLibrary });
    await Promise.all(this.writers.map((writer) => writer.start()));
  }

  /** Runs a command of the program to its end. */
  run(name: "audit" | "init" | "keys" | "restore", ...flags: readonly string[]) {
    const command = name === "init" ? this.#own.init : [process.execPath, MAIN, name];
    return Bun.spawnSync([...command, ...flags], { env: this.#settings(0, "admin"), stderr: "pipe" });
  }

  async redisCommand(...args: readonly string[]): Promise<unknown> {
    const client = createClient({ url: this.redis.url, RESP: 2 });
    await client.connect();
    try {
      return await client.sendCommand([...args]);
    } finally {
      client.destroy();
    }
  }

  /** Until the balancer hands requests to every API. */
  async balanced(): Promise<void> {
    await eventually("every API is ready", async () => {
      const ready = await Promise.all(this.apis.map((_, index) => fetch(`${this.apiUrl(index)}/readyz`)));
      return ready.every(({ ok }) => ok);
    });
    // A look of the balancer's that has begun before may still find one down. It looks every 200 ms.
    await Bun.sleep(250);
    const { haproxy } = this;
    if (haproxy === null) return;
    await eventually("HAProxy sees every API", async () => {
      const down = await serversDown(haproxy);
      return down.length === 0 && (await fetch(`${this.url}/readyz`)).ok;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#started.map((server) => server.dispose()));
    await Promise.all([this.redis, this.nats, this.postgres].map((server) => server.process.dispose()));
  }

  #settings(port: number, user: StackUser | BooksUser): Record<string, string> {
    const databaseUrl = new URL(this.databaseUrl);
    if (user !== "admin") databaseUrl.username = BOOKS_ROLES[user];
    if (isBooksUser(user)) {
      const PATH = process.env["PATH"] ?? "";
      return { PATH, PORT: String(port), DATABASE_URL: databaseUrl.href, ...this.#environment };
    }
    return {
      PATH: process.env["PATH"] ?? "",
      PORT: String(port),
      DATABASE_URL: databaseUrl.href,
      REDIS_URL: this.redis.urlOf(user),
      NATS_URL: this.nats.urlOf(user),
      // PostgreSQL asks nobody here, but the roles have to be there.
      ...(user === "admin" ? ROLE_PASSWORDS : {}),
      REQUEST_ID_HEADER: "x-request-id",
      DRAIN_MS: "1000",
      SHARDS: String(this.shards),
      DURABILITY: this.#durable ? "strict" : "relaxed",
      ...this.#environment,
    };
  }

  #tells(job: string, process: string, port: number): void {
    this.metrics.push({ job, process, address: `127.0.0.1:${port}` });
  }

  async #api(number: number): Promise<ServerProcess> {
    return this.#spawn(`api-${number}`, "api", answersReady);
  }

  #other(name: BooksUser): Promise<ServerProcess> {
    // Nobody asks a dispatcher whether it is ready.
    return this.#spawn(name, name, name === "dispatch" ? async () => true : answersReady);
  }

  #writer(number: number): Promise<ServerProcess> {
    return this.#spawn(`writer-${number}`, "writer", async () => true);
  }

  async #spawn(
    name: string,
    command: "api" | "writer" | BooksUser,
    isReady: (port: number) => Promise<boolean>,
  ): Promise<ServerProcess> {
    const [metricsPort = 0] = this.#observed ? await freePorts(1) : [];
    const metrics = this.#observed ? { METRICS_PORT: String(metricsPort) } : {};
    const settings = (port: number) =>
      Object.entries({ ...this.#settings(port, command), ...metrics }).map(
        ([key, value]) => `${key}=${value}`,
      );
    const server = await ServerProcess.start({
      name,
      folder: temporaryFolder(name).path,
      command: (port) => ["/usr/bin/env", "-i", ...settings(port), ...this.#own[command]],
      isReady,
      stopSignal: "SIGTERM",
      orphanSignal: "KILL",
    });
    this.#started.push(server);
    if (this.#observed) this.#tells(`razonete-${command}`, name, metricsPort);
    return server;
  }
}

async function answersReady(port: number): Promise<boolean> {
  return (await fetch(`http://127.0.0.1:${port}/readyz`)).ok;
}

function isBooksUser(user: StackUser | BooksUser): user is BooksUser {
  return BOOKS_USERS.some((name) => name === user);
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}
