import { join } from "node:path";
import { z } from "zod";
import { Feed } from "../../../src/carry/feed.ts";
import type { WriterConfig } from "../../../src/config.ts";
import { functionLibrary } from "../../../src/decide/function-library.ts";
import { openRedisNodes } from "../../../src/decide/nodes/open-nodes.ts";
import type { RedisNodes } from "../../../src/decide/nodes/redis-nodes.ts";
import { headKey } from "../../../src/decide/redis-client.ts";
import { initialise } from "../../../src/keep/init.ts";
import { connectPostgres, type Sql } from "../../../src/keep/postgres-client.ts";
import { Writer } from "../../../src/keep/writer.ts";
import { accountOn } from "../account-on.ts";
import { eventually } from "../eventually.ts";
import { journalFaults } from "../kept-journal.ts";
import { type NatsServer, startNats } from "../servers/nats.ts";
import { type PostgresServer, startPostgres } from "../servers/postgres.ts";
import { diesWithParent } from "../servers/server-process.ts";
import { RedisCluster } from "../servers/redis-cluster.ts";

export const SHARDS = 3;

const MAIN = join(import.meta.dir, "../../../src/cli/main.ts");

/** What a client was told: of its command, which entry it made. */
interface Told {
  readonly account: string;
  readonly seq: number;
  readonly balance: number;
}

const replyOfApply = z.tuple([z.string(), z.coerce.number(), z.string()]);

/** A ledger of three shards on three primaries of a Redis Cluster, with two replicas each, and who uses it. */
export class CopiedLedger {
  readonly redis: RedisCluster;
  readonly postgres: PostgresServer;
  readonly nats: NatsServer;
  readonly config: WriterConfig;
  #epoch: string;
  readonly sql: Sql;
  readonly feed: Feed;
  /** As clients and APIs use it: an answer is one that a replica has confirmed. */
  readonly nodes: RedisNodes;
  /** What was answered, by the command's id. */
  readonly told = new Map<string, Told>();
  /** What writers in this process have said. */
  readonly lines: string[] = [];
  readonly #children: Bun.Subprocess[] = [];
  readonly #running: { readonly writer: Writer; readonly done: Promise<unknown> }[] = [];
  /** Of each shard, the latest batch that was answered. */
  readonly #latestG = Array.from({ length: SHARDS }, () => 0);
  #clients: Promise<void>[] = [];
  #isOver = false;
  #isDisposed = false;
  #commands = 0;

  private constructor(
    [redis, postgres, nats]: readonly [RedisCluster, PostgresServer, NatsServer],
    config: WriterConfig,
    epoch: string,
  ) {
    [this.redis, this.postgres, this.nats, this.config] = [redis, postgres, nats, config];
    this.#epoch = epoch;
    this.sql = connectPostgres({ url: config.databaseUrl, name: "test", connections_max: 2 });
    this.feed = new Feed({ url: config.natsUrl, name: "test" });
    this.nodes = openRedisNodes(config.redisUrl, { minReplicas: 1 });
  }

  static async begin(): Promise<CopiedLedger> {
    const servers = await Promise.all([
      RedisCluster.start({ shards: SHARDS }),
      startPostgres({ durable: false }),
      startNats(),
    ]);
    const [redis, postgres, nats] = servers;
    const databaseUrl = await postgres.createDatabase();
    const config = {
      databaseUrl,
      redisUrl: redis.url,
      natsUrl: nats.url,
      minReplicas: 1,
      durable: false,
    };
    const { epoch } = await initialise({
      ...config,
      redisUrl: redis.urlOf("admin"),
      shards: SHARDS,
      library: functionLibrary,
    });
    const ledger = new CopiedLedger(servers, config, epoch);
    for (let shard = 0; shard < SHARDS; shard += 1)
      await eventually("the primaries are found", () => ledger.nodes.shard(shard).isReady);
    return ledger;
  }

  get epoch(): string {
    return this.#epoch;
  }

  /** After a restore. */
  goOnWith(epoch: string): void {
    this.#epoch = epoch;
  }

  async dispose(): Promise<void> {
    [this.#isOver, this.#isDisposed] = [true, true];
    for (const child of this.#children) {
      child.kill("SIGKILL");
      await child.exited;
    }
    await Promise.allSettled(this.#clients);
    await this.stopWriters();
    await this.feed.close();
    this.nodes.close();
    await this.sql.end({ timeout: 1 });
    await this.redis.dispose();
    await Promise.all([this.postgres, this.nats].map((server) => server.process.dispose()));
  }

  startWriter(redisUrl = this.redis.urlOf("writer")): void {
    const config = { ...this.config, redisUrl };
    const writer = new Writer(config, (line) => this.lines.push(line));
    this.#running.push({ writer, done: writer.run().catch((error: unknown) => error) });
  }

  /** `razonete writer`, to be killed. */
  startWriterProcess(): Bun.Subprocess {
    const { databaseUrl, natsUrl } = this.config;
    const child = Bun.spawn([...diesWithParent("KILL"), process.execPath, MAIN, "writer"], {
      env: {
        ...process.env,
        DATABASE_URL: databaseUrl,
        REDIS_URL: this.redis.urlOf("writer"),
        NATS_URL: natsUrl,
        DURABILITY: "relaxed",
      },
      stdin: "ignore",
      stdout: "ignore",
      stderr: "ignore",
    });
    this.#children.push(child);
    return child;
  }

  /** What the writers ended with: undefined, where nothing was wrong. */
  async stopWriters(): Promise<unknown[]> {
    for (const { writer } of this.#running) writer.stop();
    return Promise.all(this.#running.splice(0).map(({ done }) => done));
  }

  /** Once a writer in this process has said it. */
  async said(line: RegExp): Promise<void> {
    await eventually(
      `a writer says ${line.source}`,
      () => this.lines.some((each) => line.test(each)),
      () => this.lines,
    );
  }

  /** Clients of each shard, until {@link answered}: each sends a command again, with its id, until it has its answer. */
  beginClients(): void {
    this.#isOver = false;
    for (let shard = 0; shard < SHARDS; shard += 1)
      for (let client = 0; client < 2; client += 1) this.#clients.push(this.#client(shard));
  }

  /** Ends the clients, once each of them has its answer. */
  async answered(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#clients);
    this.#clients = [];
  }

  /** Until clients of the shard have got so many answers more. */
  async moreAnswers(shard: number, more = 20): Promise<void> {
    const account = accountOn(shard, SHARDS);
    const count = () => [...this.told.values()].filter((told) => told.account === account).length;
    const before = count();
    await eventually(
      `shard ${shard} answers`,
      () => count() >= before + more,
      () => [this.nodes.shard(shard).trouble, this.lines],
    );
  }

  /** The last batch of the shard in the books. */
  async keptG(shard: number): Promise<number> {
    const [row] = await this.sql<{ last_g: number }[]>`SELECT last_g FROM cursors WHERE shard = ${shard}`;
    return row?.last_g ?? -1;
  }

  newId(): string {
    this.#commands += 1;
    return `req:command-${this.#commands}`;
  }

  /** One attempt. Rejects where it got no answer that a replica has confirmed. */
  async credit(shard: number, id: string): Promise<void> {
    const account = accountOn(shard, SHARDS);
    const args = [this.epoch, String(this.#latestG[shard]), "1000000", "c", id, account, "1", "", "text"];
    const { confirmed } = this.nodes.shard(shard);
    const reply = replyOfApply.parse(
      await confirmed.sendCommand(["FCALL", "razonete_apply", "1", headKey(shard), ...args]),
    );
    const [batch, , outcome] = reply;
    const [, , seq, , , balance] = outcome.slice(1).split(" ");
    this.told.set(id, { account, seq: Number(seq), balance: Number(balance) });
    if (batch === "") return;
    const g = Number(batch);
    this.#latestG[shard] = Math.max(this.#latestG[shard] ?? 0, g);
    if (outcome.startsWith("="))
      this.feed.publish({ epoch: this.epoch, shard, g, events: [outcome.slice(1)] });
  }

  /** A credit that a client has got its answer to: sent again, with its id, until it has. */
  async decided(shard: number): Promise<void> {
    const id = this.newId();
    await eventually(
      `shard ${shard} answers`,
      async () => {
        await this.credit(shard, id);
        return true;
      },
      () => [this.nodes.shard(shard).trouble, this.lines],
    );
  }

  /** Until the books have all that Redis has decided, and the outboxes are empty. */
  async drained(): Promise<void> {
    for (let shard = 0; shard < SHARDS; shard += 1)
      await eventually(
        `the books have all of shard ${shard}`,
        async () => {
          const redis = this.nodes.shard(shard);
          const g = Number(await redis.sendCommand(["HGET", headKey(shard), "g"]));
          const waiting = Number(await redis.sendCommand(["XLEN", `razonete:{${shard}}:outbox`]));
          return (await this.keptG(shard)) === g && waiting === 0;
        },
        () => this.lines,
      );
  }

  /** What differs between the books and what was answered: nothing, where each answer stands there once and nothing else does. */
  async differences(): Promise<string[]> {
    const kept = await this.sql<(Told & { readonly command: string })[]>`
      SELECT command, account, seq, balance FROM entries ORDER BY account, seq`;
    const found = kept.flatMap(({ command, ...entry }) =>
      Bun.deepEquals(this.told.get(command), entry) ? [] : [`${command}: ${JSON.stringify(entry)}`],
    );
    if (new Set(kept.map(({ command }) => command)).size !== kept.length)
      found.push("a command is there twice");
    if (kept.length !== this.told.size) found.push(`${kept.length} entries, not ${this.told.size}`);
    return [...found, ...(await journalFaults(this.sql))];
  }

  async #client(shard: number): Promise<void> {
    while (!this.#isOver) {
      const id = this.newId();
      while (!this.told.has(id) && !this.#isDisposed) await this.credit(shard, id).catch(() => Bun.sleep(20));
    }
  }
}
