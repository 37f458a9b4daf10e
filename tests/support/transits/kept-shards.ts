import { expect } from "bun:test";
import { RedisClient } from "bun";
import { z } from "zod";
import { auditCluster } from "../../../src/audit/audit-cluster.ts";
import type { AuditReport } from "../../../src/audit/report/audit-report.ts";
import { connectRedis, headKey, readOutbox, type Redis } from "../../../src/decide/redis-client.ts";
import { parseAnswer } from "../../../src/decide/function-codec.ts";
import { functionLibrary } from "../../../src/decide/function-library.ts";
import type { TransitAnswer } from "../../../src/decide/transits/transit-answers.ts";
import {
  captureAcrossArguments,
  holdAwayArguments,
  type Told,
} from "../../../src/decide/transits/transit-arguments.ts";
import { Books } from "../../../src/keep/books.ts";
import { initialise } from "../../../src/keep/init.ts";
import { connectPostgres, type Sql } from "../../../src/keep/postgres-client.ts";
import type { Condition, EventId, Posting } from "../../../src/ledger/transaction.ts";
import { restore } from "../../../src/restore/restore.ts";
import type { RestoreReport } from "../../../src/restore/restore-report.ts";
import { ShardCalls, transactionFrom } from "./shard-calls.ts";
import { capture as captureOf, hold as holdOn } from "../ledger/commands.ts";
import { accountOn } from "../account-on.ts";
import { type PostgresServer, startPostgres } from "../servers/postgres.ts";
import { type RedisServer, startRedis } from "../servers/redis.ts";

export const SHARDS = 3;
/** The payer of {@link KeptShards.postings}, and those who are paid, each on the shard of its place. */
export const [HOME, SECOND, THIRD] = [0, 1, 2];
export const A = accountOn(HOME, SHARDS);
export const B = accountOn(SECOND, SHARDS);
export const C = accountOn(THIRD, SHARDS);

/** A pays B and C. */
const POSTINGS: readonly Posting[] = [
  { from: A, to: B, amount: 40 },
  { from: A, to: C, amount: 2 },
];

/** The servers of such ledgers, one after the other. */
export class ShardServers {
  readonly postgres: PostgresServer;
  readonly redis: RedisServer;

  private constructor(postgres: PostgresServer, redis: RedisServer) {
    this.postgres = postgres;
    this.redis = redis;
  }

  static async start(): Promise<ShardServers> {
    return new ShardServers(...(await Promise.all([startPostgres(), startRedis()])));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.postgres.process.dispose(), this.redis.process.dispose()]);
  }
}

/**
 * A ledger of three shards, in a real Redis with the real function, and its books. Nothing runs by itself: each step of a
 * transaction across shards is a call, and what the books get, too.
 */
export class KeptShards {
  readonly #redis: RedisServer;
  readonly #client: Redis;
  /** For what no account has as its key. */
  readonly reader: RedisClient;
  readonly databaseUrl: string;
  readonly sql: Sql;
  readonly #kept: Books;
  readonly calls: ShardCalls;
  epoch: string;
  #commands = 0;

  private constructor(redis: RedisServer, databaseUrl: string, epoch: string) {
    this.#redis = redis;
    this.databaseUrl = databaseUrl;
    this.epoch = epoch;
    this.sql = connectPostgres({ url: databaseUrl, name: "test", connections_max: 1 });
    this.#kept = new Books({ url: databaseUrl, name: "test books", connections_max: 1 });
    this.#client = connectRedis(redis.url, () => {});
    this.reader = new RedisClient(redis.url);
    this.calls = new ShardCalls(this);
  }

  /** A new one in place of the one before. */
  static async begin({ postgres, redis }: ShardServers): Promise<KeptShards> {
    const databaseUrl = await postgres.createDatabase();
    const before = connectRedis(redis.url, () => {});
    await before.connect();
    await before.sendCommand(["FLUSHALL"]);
    before.destroy();
    const { epoch } = await initialise({
      databaseUrl,
      redisUrl: redis.url,
      shards: SHARDS,
      library: functionLibrary,
    });
    const ledger = new KeptShards(redis, databaseUrl, epoch);
    await ledger.#client.connect();
    return ledger;
  }

  get redisUrl(): string {
    return this.#redis.url;
  }

  get books(): { readonly epoch: string } {
    return this;
  }

  async command(args: readonly string[]): Promise<unknown> {
    return await this.#client.sendCommand([...args]);
  }

  async call(name: string, args: readonly string[], shard: number): Promise<unknown> {
    return await this.command(["FCALL", name, "1", headKey(shard), ...args]);
  }

  /** Of a transaction of which nothing has happened. */
  newAttempt(): string {
    this.#commands += 1;
    return `${HOME}-attempt-${this.#commands}-of-${this.epoch.slice(0, 4)}`;
  }

  prepare(
    attempt: string,
    shard: number,
    postings: readonly Posting[] = POSTINGS,
    conditions: readonly Condition[] = [],
  ): Promise<TransitAnswer> {
    const own = [A, B, C][shard] ?? "";
    return this.calls.ask(shard, {
      type: "prepare",
      attempt,
      command: `key:${attempt}`,
      isDryRun: false,
      postings,
      conditions: conditions.map((condition, place) => ({ place, condition })),
      accounts: [own],
      details: "",
    });
  }

  /** The decision of an attempt whose parts are prepared on these shards. */
  async decide(
    attempt: string,
    shards: readonly number[] = [SECOND, THIRD],
    postings: readonly Posting[] = POSTINGS,
  ): Promise<void> {
    const accounts = shards.map(
      (shard) => ({ id: [A, B, C][shard] ?? "", state: "open", unit: "BRL/2" }) as const,
    );
    const told: Told = { shards, accounts, refused: null, unmet: null };
    const command = transactionFrom(`key:${attempt}`, { postings, conditions: [] });
    expect(await this.calls.decide(HOME, command, attempt, told)).toMatchObject({ type: "accepted" });
  }

  /** A hold of A's whose money is to go to B. */
  async hold(amount: number): Promise<EventId> {
    const command = holdOn(A, amount, { to: B });
    const text = await this.calls.raw(HOME, holdAwayArguments(command, { state: "open", unit: "BRL/2" }));
    const answer = parseAnswer(text, command, HOME);
    if (answer.type !== "accepted" || answer.result.type !== "hold") throw new Error(text);
    return answer.result.hold.id;
  }

  /** The decision to capture such a hold, whose part is prepared. */
  async capture(attempt: string, of: EventId): Promise<void> {
    const command = captureOf(of);
    const accounts = [{ id: B, state: "open", unit: "BRL/2" }] as const;
    const told = { shards: [SECOND], accounts, refused: null, unmet: null };
    const text = await this.calls.raw(HOME, captureAcrossArguments(command, attempt, told));
    expect(parseAnswer(text, command, HOME)).toMatchObject({ type: "accepted" });
  }

  async finish(attempt: string, shard: number): Promise<void> {
    const asked = await this.calls.ask(HOME, { type: "ask", attempt });
    if (asked.type !== "decided") throw new Error(`${attempt} is ${asked.type}`);
    const { transaction, decidedAt, hold } = asked;
    const answer = await this.calls.ask(shard, { type: "finish", attempt, transaction, decidedAt, hold });
    expect(answer.type).toBe("ended");
  }

  /** Ends all parts that are open, as whoever completes them does. */
  async complete(): Promise<void> {
    for (let shard = 0; shard < SHARDS; shard += 1) {
      for (const attempt of await this.openParts(shard)) {
        const asked = await this.calls.ask(HOME, { type: "ask", attempt });
        if (asked.type === "decided") await this.finish(attempt, shard);
        else expect((await this.calls.ask(shard, { type: "undo", attempt })).type).toBe("ended");
      }
    }
  }

  async openParts(shard: number): Promise<string[]> {
    return z.array(z.string()).parse(await this.command(["ZRANGE", `razonete:{${shard}}:parts`, "0", "-1"]));
  }

  /** Brings what a shard has decided into its books, and out of its outbox, as a writer does. */
  async keep(...shards: readonly number[]): Promise<void> {
    for (const shard of shards) {
      const batches = await readOutbox(this.#client, shard, 0, 1_000_000);
      if (batches.length === 0) continue;
      await this.#kept.keep(
        shard,
        batches.map((batch) => ({ epoch: this.epoch, shard, ...batch })),
      );
      await this.command(["XTRIM", `razonete:{${shard}}:outbox`, "MAXLEN", "0"]);
    }
  }

  async keepAll(): Promise<void> {
    await this.keep(HOME, SECOND, THIRD);
  }

  /** All that a shard has in Redis is gone, with what its outbox held. */
  async lose(...shards: readonly number[]): Promise<void> {
    for (const shard of shards) {
      const keys = await this.reader.keys(`razonete:{${shard}}:*`);
      if (keys.length > 0) await this.command(["UNLINK", ...keys]);
    }
  }

  async restore(): Promise<RestoreReport> {
    const report = await restore({
      databaseUrl: this.databaseUrl,
      redisUrl: this.redisUrl,
      // There is no feed to be read: outboxes and books alone are what there is.
      natsUrl: "nats://127.0.0.1:1",
      standbysMin: 0,
      durable: false,
      force: true,
      discardUnknown: false,
      library: functionLibrary,
      audit: () => this.audit(true),
      confirm: async () => true,
      // Else nobody knows why it fails.
      say: (line) => line.startsWith("  ") && console.error(line),
    });
    this.epoch = report.epoch;
    return report;
  }

  audit(duringRestore = false): Promise<AuditReport> {
    const { databaseUrl, redisUrl } = this;
    return auditCluster({ databaseUrl, redisUrl, natsUrl: null, duringRestore });
  }

  /** Of A, B and C in Redis: balance and what is held, and what is in transit besides. */
  async standing(): Promise<string[]> {
    return Promise.all(
      [A, B, C].map(async (account, shard) => {
        const { row, more } = await this.calls.row(shard, account);
        return [...row.split(" ").slice(1, 3), more].join(" ").trim();
      }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.reader.close();
    this.#client.destroy();
    await Promise.all([this.#kept.close(), this.sql.end()]);
  }
}
