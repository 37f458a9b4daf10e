import { describe } from "bun:test";
import { createClient } from "@redis/client";
import { z } from "zod";
import { functionLibrary } from "../../src/decide/function-library.ts";
import type { BatchFeed } from "../../src/decide/ports.ts";
import { RedisLedger } from "../../src/decide/redis-ledger.ts";
import type { RedisLedgerOptions } from "../../src/decide/redis-ledger-options.ts";
import { headKey } from "../../src/decide/redis-client.ts";
import { CONTEST_UNIT, INITIAL_CREDIT_LIMITS } from "../../src/ledger/account.ts";
import { shardOf } from "../../src/ledger/account-id.ts";
import { openingHash } from "../../src/ledger/content-hash.ts";
import { serversMissing } from "./servers/binaries.ts";
import { type RedisServer, startRedis } from "./servers/redis.ts";
import { TestBooks } from "./test-books.ts";
import { eventually } from "./eventually.ts";

/** For tests that need a Redis: skipped, with the reason printed, where there is none to be had. */
export function describeWithRedis(name: string, body: () => void): void {
  describe.skipIf(serversMissing !== null)(name, body);
}

export const silentFeed: BatchFeed = { publish: () => {} };

export type StandLedgerOptions = Partial<RedisLedgerOptions>;

/** A Redis of the test's own with the ledger's functions and the five accounts, the books beside it, and ledgers on it. */
export class RedisStand implements AsyncDisposable {
  readonly server: RedisServer;
  readonly books: TestBooks;
  readonly #admin: ReturnType<typeof createClient>;
  readonly #ledgers: RedisLedger[] = [];

  private constructor(server: RedisServer, shards: number) {
    this.server = server;
    this.books = new TestBooks(shards, (args) => this.command(args));
    this.#admin = createClient({ url: server.url, socket: { reconnectStrategy: 20 } });
    this.#admin.on("error", () => {});
  }

  static async start({ shards = 1 } = {}): Promise<RedisStand> {
    const stand = new RedisStand(await startRedis(), shards);
    await stand.#admin.connect();
    await stand.begin();
    return stand;
  }

  /** Empties Redis and books, and sets up what `razonete init` does. */
  async begin(): Promise<void> {
    await this.command(["FLUSHALL"]);
    this.books.forget();
    await this.command(["FUNCTION", "LOAD", "REPLACE", functionLibrary]);
    const { shards, epoch } = this.books;
    for (let shard = 0; shard < shards; shard += 1) {
      const accounts = INITIAL_CREDIT_LIMITS.flatMap((limit, index) => {
        const id = String(index + 1);
        return shardOf(id, shards) === shard ? [id, `${limit} 0 0 0 0 BRL/2 open 0`, openingOf(limit)] : [];
      });
      await this.call("razonete_begin", [epoch, String(shards), "0", ...accounts], shard);
    }
  }

  /** A command to Redis, past the ledger; waits while Redis is away. */
  async command(args: readonly string[]): Promise<unknown> {
    return await this.#admin.sendCommand([...args]);
  }

  async call(name: string, args: readonly string[] = [], shard = 0): Promise<unknown> {
    return await this.command(["FCALL", name, "1", headKey(shard), ...args]);
  }

  /** Every command of the shards' outboxes, in order. */
  async events(shard = 0): Promise<readonly string[]> {
    return (await this.outbox(shard)).flatMap((batch) => batch.events);
  }

  async outbox(shard = 0): Promise<readonly { g: number; events: string[] }[]> {
    return outboxReply
      .parse(await this.command(["XRANGE", `razonete:{${shard}}:outbox`, "-", "+"]))
      .map(([id, fields]) => ({
        g: Number(id.split("-")[0]),
        events: fields.filter((_, index) => index % 2 === 1),
      }));
  }

  /** A ledger on this Redis, admitted or not. Closed with the stand, if that was not done. */
  newLedger(options: StandLedgerOptions = {}): RedisLedger {
    const ledger = new RedisLedger({
      redisUrl: this.server.url,
      books: this.books,
      feed: silentFeed,
      outboxBatchesMax: 100_000,
      durable: true,
      balancerResends: false,
      ...options,
    });
    this.#ledgers.push(ledger);
    return ledger;
  }

  /** One that may be asked. */
  async ledger(options: StandLedgerOptions = {}): Promise<RedisLedger> {
    const ledger = this.newLedger(options);
    await eventually("the ledger is ready", () => admitted(ledger));
    return ledger;
  }

  /** Ends Redis as a power cut does, and starts it again on the same port with what it had on disk. */
  async crash(): Promise<void> {
    await this.server.process.kill();
    await this.server.process.start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#ledgers.map((ledger) => ledger.close()));
    this.#admin.destroy();
    await this.server.process.dispose();
  }
}

function openingOf(creditLimit: number): string {
  return openingHash({ unit: CONTEST_UNIT, creditLimit, name: null, metadata: {} });
}

const outboxReply = z.array(z.tuple([z.string(), z.array(z.string())]));

/** Whether it answers; its readiness alone also holds for a moment after a loss. */
export async function admitted(ledger: RedisLedger): Promise<boolean> {
  if (!ledger.readiness().ready) return false;
  return (await ledger.account("1").catch(() => null)) !== null;
}
