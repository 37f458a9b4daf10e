import { createClient, ErrorReply } from "@redis/client";
import { z } from "zod";
import { limits } from "../limits.ts";
import { LedgerUnavailable, type Readiness } from "../ledger/ledger.ts";
import type { BooksReader } from "./neighbours.ts";

/** The version of ledger.lua that this program speaks to; a test holds the two together. */
export const FUNCTION_VERSION = "1";

export function headKey(shard: number): string {
  return `razonete:{${shard}}:head`;
}

/** What was compared when the link was admitted. */
export interface Admission {
  readonly epoch: string;
  readonly shards: number;
}

export interface RedisLinkOptions {
  readonly url: string;
  readonly books: BooksReader;
  /** Refuses a Redis that does not fsync before it answers. */
  readonly durable: boolean;
  /** Called when calls may be made, at first and again after each loss. */
  readonly onAdmitted: (shards: number) => void;
}

/** The call got no answer: what it asked for may have been done or not. */
export class CallLost extends Error {}

/** Redis answered that it did not run the function, or that the function refused: nothing was changed. */
export class CallRefused extends Error {
  /** The first word of the answer, such as EPOCH or LOADING. */
  readonly code: string;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = message.split(" ", 1)[0] ?? "";
  }
}

// Answers that say that the function did not run, or refused before its first write.
const REFUSING_CODES = new Set([
  "EPOCH",
  "STALE",
  "EMPTY",
  "LOADING",
  "OOM",
  "MISCONF",
  "BUSY",
  "READONLY",
  "NOPERM",
]);

/**
 * The connection to Redis, behind the fence.
 *
 * Down: the client reconnects by itself. Connected: nothing may be asked yet; the link compares Redis with the books
 * (epoch, latest batch, number of shards, version of the function, durability) and tries again until they agree.
 * Admitted: calls pass. The loss of the connection leads back to down, and an answer of the function that it is of
 * another epoch, or older than what was seen, back to connected. So an empty, an older or another Redis never answers.
 *
 * The same Redis process after a lost connection is admitted without the books: it is what it was.
 */
export class RedisLink {
  readonly #options: RedisLinkOptions;
  readonly #client: ReturnType<typeof makeClient>;
  /** For each shard, the latest batch that this process knows of. */
  readonly #latestG: number[] = [];
  #admission: Admission | null = null;
  #admittedRunId: string | null = null;
  #reason = "it has not reached Redis yet";
  #lostAt: number | null = null;
  #admitting = false;

  constructor(options: RedisLinkOptions) {
    this.#options = options;
    this.#client = makeClient(options.url);
    // Without a listener an error would end the process; what it means for the calls, they say themselves.
    this.#client.on("error", () => this.#lose("Redis does not answer"));
    this.#client.on("ready", () => {
      this.#admit().catch((error: unknown) => this.#lose(messageOf(error)));
    });
    this.#client.connect().catch(() => this.#lose("Redis does not answer"));
  }

  /** Null while nothing may be asked. */
  get admission(): Admission | null {
    return this.#admission;
  }

  latestG(shard: number): number {
    return this.#latestG[shard] ?? 0;
  }

  sawG(shard: number, g: number): void {
    this.#latestG[shard] = Math.max(g, this.latestG(shard));
  }

  /**
   * A short loss is no reason to send requests elsewhere: they wait for their deadline, and the other processes have
   * lost the same Redis. A fence that does not hold is one at once.
   */
  readiness(): Readiness {
    if (this.#admission !== null) return { ready: true };
    const waits =
      this.#lostAt !== null && performance.now() - this.#lostAt < limits.decision_milliseconds_max;
    return waits ? { ready: true } : { ready: false, reason: this.#reason };
  }

  /**
   * Calls a function of the ledger.
   *
   * @throws CallRefused where it did not run or changed nothing
   * @throws CallLost where it may have run
   */
  async call(
    command: "FCALL" | "FCALL_RO",
    name: string,
    shard: number,
    args: readonly string[],
  ): Promise<unknown> {
    try {
      return await this.#client.sendCommand([command, name, "1", headKey(shard), ...args]);
    } catch (error) {
      if (!(error instanceof ErrorReply)) throw new CallLost(messageOf(error), { cause: error });
      const refused = new CallRefused(error.message, { cause: error });
      if (!REFUSING_CODES.has(refused.code) && !error.message.startsWith("ERR Function not found")) {
        throw new CallLost(error.message, { cause: error });
      }
      if (refused.code === "EPOCH" || refused.code === "STALE") this.#fenceAgain(error.message);
      throw refused;
    }
  }

  /**
   * What the outbox holds from batch `g` on, up to `count` batches.
   *
   * @throws LedgerUnavailable
   */
  async outbox(shard: number, g: number, count: number): Promise<readonly { g: number; events: string[] }[]> {
    const key = headKey(shard).replace(/head$/, "outbox");
    const args = ["XRANGE", key, `${g}-0`, "+", "COUNT", String(count)];
    const reply: unknown = await this.#client.sendCommand(args).catch((error: unknown) => {
      throw new LedgerUnavailable("Redis does not answer", "none", { cause: error });
    });
    return z
      .array(z.tuple([z.string(), z.array(z.string())]))
      .parse(reply)
      .map(([entry, fields]) => ({
        g: Number(entry.split("-", 1)[0]),
        events: fields.filter((_, index) => index % 2 === 1),
      }));
  }

  close(): void {
    this.#admission = null;
    this.#reason = "the ledger is closed";
    this.#lostAt = null;
    this.#client.destroy();
  }

  #lose(reason: string): void {
    if (this.#admission !== null) this.#lostAt = performance.now();
    this.#admission = null;
    this.#reason = reason;
  }

  #fenceAgain(reason: string): void {
    this.#admission = null;
    this.#admittedRunId = null;
    this.#lostAt = null;
    this.#reason = reason;
    this.#admit().catch((error: unknown) => this.#lose(messageOf(error)));
  }

  /** Compares until all agrees or the connection is lost. */
  async #admit(): Promise<void> {
    if (this.#admitting) return;
    this.#admitting = true;
    try {
      while (this.#client.isReady && this.#admission === null) {
        const compared = await this.#compare();
        if (typeof compared === "string") {
          this.#reason = compared;
          await Bun.sleep(limits.fence_retry_milliseconds);
        } else {
          this.#admission = compared;
          this.#lostAt = null;
          this.#options.onAdmitted(compared.shards);
        }
      }
    } finally {
      this.#admitting = false;
    }
  }

  /** @returns why Redis may not be asked, for a person, where it may not */
  async #compare(): Promise<Admission | string> {
    try {
      const runId =
        /run_id:(\w+)/.exec(z.string().parse(await this.#client.sendCommand(["INFO", "server"])))?.[1] ?? "";
      const shardZero = await this.#status(0);
      if (runId === this.#admittedRunId) return { epoch: shardZero.epoch, shards: shardZero.shards };

      const books = await this.#options.books.fence().catch(() => null);
      if (books === null) return "the books in PostgreSQL cannot be asked whether Redis is what it should be";
      if (!books.loaded) return "Redis has not been loaded yet: run razonete init";
      if (books.shards !== shardZero.shards)
        return differs("number of shards", shardZero.shards, books.shards);
      for (let shard = 0; shard < books.shards; shard += 1) {
        const status = shard === 0 ? shardZero : await this.#status(shard);
        const lastG = Math.max(books.lastG[shard] ?? 0, this.latestG(shard));
        if (status.version !== FUNCTION_VERSION) return differs("version", status.version, FUNCTION_VERSION);
        if (status.epoch !== books.epoch) return differs("epoch", status.epoch, books.epoch);
        if (status.g < lastG)
          return `Redis is older than the books (batch ${status.g} of ${lastG}): run razonete restore`;
        this.sawG(shard, status.g);
      }
      if (this.#options.durable && !(await this.#fsyncsAlways())) {
        return "Redis does not fsync before it answers: set appendonly yes and appendfsync always, or DURABILITY=relaxed";
      }
      this.#admittedRunId = runId;
      return { epoch: books.epoch, shards: books.shards };
    } catch (error) {
      const message = messageOf(error);
      if (message.startsWith("EMPTY"))
        return "Redis holds no ledger: run razonete init, or razonete restore where it held one";
      if (message.startsWith("ERR Function not found"))
        return "Redis has no functions of the ledger: run razonete init";
      return `Redis cannot be asked (${message})`;
    }
  }

  async #status(shard: number): Promise<z.infer<typeof statusReply>> {
    return statusReply.parse(
      await this.#client.sendCommand(["FCALL_RO", "razonete_status", "1", headKey(shard)]),
    );
  }

  async #fsyncsAlways(): Promise<boolean> {
    for (const [name, wanted] of [
      ["appendonly", "yes"],
      ["appendfsync", "always"],
    ] as const) {
      const reply = z
        .tuple([z.string(), z.string()])
        .safeParse(await this.#client.sendCommand(["CONFIG", "GET", name]));
      if (!reply.success || reply.data[1] !== wanted) return false;
    }
    return true;
  }
}

const statusReply = z
  .tuple([
    z.string(),
    z.string(),
    z.coerce.number(),
    z.coerce.number(),
    z.coerce.number(),
    z.coerce.number(),
    z.string(),
  ])
  .transform(([epoch, version, shards, g]) => ({ epoch, version, shards, g }));

function makeClient(url: string) {
  return createClient({
    url,
    RESP: 2,
    // A call is either sent now or refused now: the ledger has queues of its own, with deadlines.
    disableOfflineQueue: true,
    pingInterval: limits.redis_ping_milliseconds,
    socket: {
      connectTimeout: limits.decision_milliseconds_max,
      socketTimeout: limits.redis_silence_milliseconds_max,
      reconnectStrategy: (attempts) => Math.min(20 * 2 ** attempts, limits.reconnect_milliseconds_max),
    },
  });
}

function differs(what: string, redis: string | number, books: string | number): string {
  return `Redis has another ${what} than the books (${redis}, not ${books}): run razonete init, or razonete restore`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
