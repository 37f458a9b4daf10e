import { afterAll, afterEach, beforeAll, beforeEach } from "bun:test";
import { join } from "node:path";
import { RedisClient } from "bun";
import type { Batch } from "../../src/carry/batch.ts";
import { Feed } from "../../src/carry/feed.ts";
import type { WriterConfig } from "../../src/config.ts";
import { functionLibrary } from "../../src/decide/function-library.ts";
import { connectPostgres, type Sql } from "../../src/keep/postgres-client.ts";
import { initialise } from "../../src/keep/init.ts";
import { Writer } from "../../src/keep/writer.ts";
import { eventually } from "./eventually.ts";
import { journalFaults, journalOf } from "./kept-journal.ts";
import { type NatsServer, startNats } from "./servers/nats.ts";
import { type PostgresServer, startPostgres } from "./servers/postgres.ts";
import { type RedisServer, startRedis } from "./servers/redis.ts";
import { diesWithParent } from "./servers/server-process.ts";
import { LedgerSource, outboxOf, putInOutbox } from "./ledger-source.ts";

const ROOT = join(import.meta.dir, "../..");

/** The three servers behind a writer. */
export class Servers {
  readonly postgres: PostgresServer;
  readonly redis: RedisServer;
  readonly nats: NatsServer;
  /** What writers are told of them. */
  readonly durable: boolean;

  private constructor(
    [postgres, redis, nats]: readonly [PostgresServer, RedisServer, NatsServer],
    durable: boolean,
  ) {
    this.postgres = postgres;
    this.redis = redis;
    this.nats = nats;
    this.durable = durable;
  }

  /** @param durable PostgreSQL with fsync, and writers that insist on it */
  static async start({ durable = false } = {}): Promise<Servers> {
    const starting = Promise.all([startPostgres({ durable }), startRedis(), startNats()]);
    return new Servers(await starting, durable);
  }

  async dispose(): Promise<void> {
    await Promise.all([this.postgres, this.redis, this.nats].map((server) => server.process.dispose()));
  }
}

/** A ledger that was just begun, on the servers' own; writers to keep its books, and a source of batches. */
export class WriterWorld {
  readonly config: WriterConfig;
  readonly source: LedgerSource;
  readonly sql: Sql;
  readonly redis: RedisClient;
  readonly feed: Feed;
  /** What the writers in this process have reported. */
  readonly lines: string[] = [];
  /** The events of each batch, by g. */
  readonly #decided = new Map<number, readonly string[]>();
  readonly #running: { writer: Writer; done: Promise<unknown> }[] = [];
  readonly #children: Bun.Subprocess[] = [];

  private constructor(config: WriterConfig, epoch: string) {
    this.config = config;
    this.source = new LedgerSource(epoch);
    this.sql = connectPostgres({ url: config.databaseUrl, name: "test", connections_max: 2 });
    this.redis = new RedisClient(config.redisUrl);
    this.feed = new Feed({ url: config.natsUrl, name: "test" });
  }

  static async begin(servers: Servers): Promise<WriterWorld> {
    const flusher = new RedisClient(servers.redis.url);
    await flusher.send("FLUSHALL", []);
    flusher.close();
    const databaseUrl = await servers.postgres.emptyDatabase();
    const { redis, nats, durable } = servers;
    const config = { databaseUrl, redisUrl: redis.url, natsUrl: nats.url, minReplicas: 0, durable };
    const { epoch } = await initialise({ ...config, shards: 1, library: functionLibrary });
    return new WriterWorld(config, epoch);
  }

  /** A writer in this process; settles when it ends. */
  startWriter(config = this.config): { writer: Writer; done: Promise<unknown> } {
    const writer = new Writer(config, (line) => this.lines.push(line));
    // Resolves to what it ended with.
    const running = { writer, done: writer.run().catch((error: unknown) => error) };
    this.#running.push(running);
    return running;
  }

  /** `razonete writer`, to be killed. */
  startWriterProcess(): Bun.Subprocess<"ignore", "ignore", "pipe"> {
    const { databaseUrl, redisUrl, natsUrl, durable } = this.config;
    const DURABILITY = durable ? "strict" : "relaxed";
    const command = [...diesWithParent("KILL"), process.execPath, "src/cli/main.ts", "writer"];
    const child = Bun.spawn(command, {
      cwd: ROOT,
      env: { ...process.env, DATABASE_URL: databaseUrl, REDIS_URL: redisUrl, NATS_URL: natsUrl, DURABILITY },
      stdin: "ignore",
      stdout: "ignore",
      stderr: "pipe",
    });
    this.#children.push(child);
    return child;
  }

  /** As the deciding function does: into the outbox. */
  async decide(batches: readonly Batch[]): Promise<void> {
    for (const { g, events } of batches) this.#decided.set(g, events);
    await putInOutbox(this.redis, batches);
  }

  /** As an API does: into the outbox, then onto the feed. */
  async decideAndPublish(batches: readonly Batch[]): Promise<void> {
    await this.decide(batches);
    for (const batch of batches) this.feed.publish(batch);
  }

  outbox(): Promise<number[]> {
    return outboxOf(this.redis);
  }

  async lastG(): Promise<number> {
    const [row] = await this.sql<{ last_g: number }[]>`SELECT last_g FROM cursors WHERE shard = 0`;
    return row?.last_g ?? -1;
  }

  /** Until the books hold everything that the source has made, and the outbox nothing. */
  async drained(): Promise<void> {
    await eventually("the books hold all batches", async () => (await this.lastG()) === this.source.g);
    await eventually("the outbox is empty", async () => (await this.outbox()).length === 0);
  }

  /** What differs between journal, books and what the source has made: nothing, where every row is there once. */
  async differences(): Promise<string[]> {
    const found: string[] = [];
    const [row] = await this.sql<{ count: number }[]>`SELECT count(*) AS count FROM entries`;
    if (row?.count !== this.source.entries) found.push(`${row?.count} entries, not ${this.source.entries}`);
    for (const [account, { balance, seq }] of this.source.accounts) {
      const [kept] = await this.sql<{ balance: number; seq: number }[]>`
        SELECT balance, seq FROM accounts WHERE account = ${account}`;
      if (kept?.balance !== balance || kept.seq !== seq) {
        found.push(`account ${account}: ${JSON.stringify(kept)}, not ${JSON.stringify({ balance, seq })}`);
      }
    }
    const broken = await this.sql`
      SELECT account, seq FROM (
        SELECT account, seq, balance - CASE kind WHEN 'credit' THEN value ELSE -value END AS before,
          lag(balance, 1, 0::bigint) OVER w AS balance_before, lag(seq, 1, 0::bigint) OVER w AS seq_before
        FROM entries WINDOW w AS (PARTITION BY account ORDER BY seq)
      ) AS chain WHERE before <> balance_before OR seq <> seq_before + 1`;
    return [
      ...found,
      ...broken.map((entry) => `broken chain: ${JSON.stringify(entry)}`),
      ...(await journalOf(this.sql))
        .filter(({ g, events }) => g > 0 && !Bun.deepEquals(events, this.#decided.get(g)))
        .map(({ g }) => `row ${g} of the journal is not what was decided`),
      ...(await journalFaults(this.sql)),
    ];
  }

  async dispose(): Promise<void> {
    for (const child of this.#children) {
      child.kill("SIGKILL");
      await child.exited;
    }
    for (const { writer } of this.#running) writer.stop();
    await Promise.all(this.#running.map(({ done }) => done));
    await this.feed.close();
    this.redis.close();
    await this.sql.end({ timeout: 1 });
  }
}

/** What the tests of a describe work with: the servers for all of them, and a new ledger for each. */
export interface WriterSetup {
  readonly servers: Servers;
  readonly world: WriterWorld;
  /** Batches that change accounts 1 to 5 in turn; some have refusals, or nothing else. */
  makeBatches(count: number): Batch[];
  /** Until a writer in this process has reported the line. */
  said(line: string | RegExp): Promise<void>;
  startActive(): Promise<void>;
}

function makeBatch(source: LedgerSource, account: string, index: number): Batch {
  if (index % 10 === 8) return source.close([source.refusal(account)]);
  const entries = [30, -10, 5].map((value) => source.entry(account, value));
  return source.close(index % 10 === 4 ? [source.refusal(account), ...entries] : entries);
}

/** To be called once in a describe: starts the servers before its tests, and a ledger on them before each one. */
export function writerSetup({ durable = false } = {}): WriterSetup {
  let servers: Servers | null = null;
  let world: WriterWorld | null = null;
  beforeAll(async () => {
    servers = await Servers.start({ durable });
  });
  afterAll(() => servers?.dispose());
  const setup: WriterSetup = {
    get servers() {
      if (servers === null) throw new Error("the servers did not start");
      return servers;
    },
    get world() {
      if (world === null) throw new Error("no ledger has begun");
      return world;
    },
    makeBatches: (count) =>
      Array.from({ length: count }, (_, index) =>
        makeBatch(setup.world.source, String(1 + (index % 5)), index),
      ),
    said: (line) =>
      eventually(
        `a writer says ${line}`,
        () => setup.world.lines.some((each) => (typeof line === "string" ? each === line : line.test(each))),
        () => `it said ${JSON.stringify(setup.world.lines)}`,
      ),
    startActive: async () => {
      setup.world.startWriter();
      await setup.said("shard 0: this writer is active");
    },
  };
  beforeEach(async () => {
    world = await WriterWorld.begin(setup.servers);
  });
  afterEach(() => world?.dispose());
  return setup;
}
