import { ClientClosedError, ClientOfflineError, ErrorReply } from "@redis/client";
import { LedgerUnavailable, type Readiness } from "../ledger/ledger.ts";
import { bounds } from "../bounds.ts";
import { type Admission, compareWithBooks, type FenceOptions, type OwnBatch } from "./fence.ts";
import { connectRedis, headKey, type OutboxEntry, readOutbox, type Redis } from "./redis-client.ts";
import { messageOf } from "../errors.ts";

export interface RedisLinkOptions extends FenceOptions {
  readonly url: string;
  /**
   * Called when calls may be made, at first and again after each loss.
   *
   * @param newEpoch what was sent in the epoch before is not remembered in this one
   */
  readonly onAdmitted: (shards: number, newEpoch: boolean) => void;
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
 * (see {@link compareWithBooks}) and tries again until they agree. Admitted: calls pass. The loss of the connection leads back to
 * down, and an answer of the function that it is of another epoch, older than what was seen, or not there, back to
 * connected. So an empty, an older or another Redis never answers. Where nobody calls, the link itself does now and
 * then: an idle process would else say that it is ready until it fails the first request that it gets.
 */
export class RedisLink {
  readonly #options: RedisLinkOptions;
  readonly #client: Redis;
  /** What was known when Redis was admitted last; kept over a loss, to know it again. */
  #lastAdmission: Admission | null = null;
  /** For each shard, the latest batch of the known epoch that this process has seen. */
  #latestG: number[] = [];
  /** For each shard, the latest batch of the known epoch that this process has had decided. */
  #own: (OwnBatch | undefined)[] = [];
  #admitted = false;
  #reason = "it has not reached Redis yet";
  #lostAt: number | null = null;
  #admitting = false;
  #closed = false;
  /** The shards that were called since the last look at those that are idle. */
  readonly #called = new Set<number>();
  #checkingIdle = false;
  readonly #idleChecks: ReturnType<typeof setInterval>;
  /** Counts connections and losses: what was compared on one connection says nothing of the next. */
  #connection = 0;

  constructor(options: RedisLinkOptions) {
    this.#options = options;
    this.#client = connectRedis(options.url, () => {
      this.#lose("Redis does not answer");
      // A refused ping (Redis is busy, its disk is full) is an error, too, and leaves the connection as it is.
      if (this.#client.isReady) this.#startAdmission();
    });
    // Closed while it was connecting: the client itself would leave the new connection open until it is silent too long.
    this.#client.on("connect", () => {
      if (this.#closed) this.#client.destroy();
    });
    this.#client.on("ready", () => {
      this.#connection += 1;
      this.#startAdmission();
    });
    this.#client.connect().catch(() => this.#lose("Redis does not answer"));
    this.#idleChecks = setInterval(() => void this.#checkIdleShards(), bounds.fence_look_milliseconds);
  }

  /** Null while nothing may be asked. */
  get admission(): Admission | null {
    return this.#admitted ? this.#lastAdmission : null;
  }

  latestG(shard: number): number {
    return this.#latestG[shard] ?? 0;
  }

  /** @param event one of the batch, which this process has had decided */
  sawBatch(shard: number, g: number, event: string): void {
    if (g <= this.latestG(shard)) return;
    this.#latestG[shard] = g;
    this.#own[shard] = { g, event };
  }

  /**
   * A short loss is no reason to send requests elsewhere: they wait for their deadline, and the other processes have
   * lost the same Redis. A fence that does not hold is one at once.
   */
  readiness(): Readiness {
    if (this.#admitted) return { ready: true };
    const isShortLoss =
      this.#lostAt !== null && performance.now() - this.#lostAt < bounds.decision_milliseconds_max;
    return isShortLoss ? { ready: true } : { ready: false, reason: this.#reason };
  }

  /**
   * Calls a function of the ledger.
   *
   * @throws CallRefused where it did not run or changed nothing
   * @throws CallLost where it may have run
   */
  call(
    command: "FCALL" | "FCALL_RO",
    name: string,
    shard: number,
    args: readonly string[],
  ): Promise<unknown> {
    this.#called.add(shard);
    return this.#send(command, name, shard, args);
  }

  async #send(
    command: "FCALL" | "FCALL_RO",
    name: string,
    shard: number,
    args: readonly string[],
  ): Promise<unknown> {
    try {
      return await this.#client.sendCommand([command, name, "1", headKey(shard), ...args]);
    } catch (error) {
      if (error instanceof ClientOfflineError || error instanceof ClientClosedError)
        throw new CallRefused(error.message, { cause: error });
      if (!(error instanceof ErrorReply)) throw new CallLost(messageOf(error), { cause: error });
      const refused = new CallRefused(error.message, { cause: error });
      const isGone = error.message.startsWith("ERR Function not found");
      if (!REFUSING_CODES.has(refused.code) && !isGone) throw new CallLost(error.message, { cause: error });
      if (isGone || refused.code === "EPOCH" || refused.code === "STALE") this.#closeFence(error.message);
      throw refused;
    }
  }

  /**
   * What the outbox holds from batch `g` on, up to `count` batches.
   *
   * @throws LedgerUnavailable
   */
  async outbox(shard: number, g: number, count: number): Promise<readonly OutboxEntry[]> {
    if (!this.#admitted) throw new LedgerUnavailable("Redis does not answer", "none");
    try {
      return await readOutbox(this.#client, shard, g, count);
    } catch (error) {
      throw new LedgerUnavailable("Redis does not answer", "none", { cause: error });
    }
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#idleChecks);
    this.#admitted = false;
    this.#reason = "the ledger is closed";
    this.#lostAt = null;
    this.#client.destroy();
  }

  #lose(reason: string): void {
    if (this.#closed) return;
    this.#connection += 1;
    if (this.#admitted) this.#lostAt = performance.now();
    this.#admitted = false;
    this.#reason = reason;
  }

  /** Reads nothing of each shard that nobody has called: the function refuses that, too, where the fence does not hold. */
  async #checkIdleShards(): Promise<void> {
    // An answer may take longer than the time between two looks.
    if (this.#checkingIdle) return;
    this.#checkingIdle = true;
    for (let shard = 0; shard < (this.admission?.shards ?? 0); shard += 1) {
      if (this.#called.delete(shard)) continue;
      const args = [this.admission?.epoch ?? "", String(this.latestG(shard))];
      // What a refusal means was seen to when it came; a loss is told by the connection.
      await this.#send("FCALL_RO", "razonete_read", shard, args).catch(() => {});
    }
    this.#checkingIdle = false;
  }

  /** The Redis that was admitted is not what it was: now the books have to be asked. */
  #closeFence(reason: string): void {
    this.#admitted = false;
    this.#lostAt = null;
    this.#reason = reason;
    if (this.#lastAdmission !== null) this.#lastAdmission = { ...this.#lastAdmission, runId: "" };
    this.#startAdmission();
  }

  #startAdmission(): void {
    this.#admit().catch((error: unknown) => this.#lose(messageOf(error)));
  }

  /** Compares until all agrees or the connection is lost. */
  async #admit(): Promise<void> {
    if (this.#admitting) return;
    this.#admitting = true;
    try {
      while (this.#client.isReady && !this.#admitted) {
        const connection = this.#connection;
        const before = this.#lastAdmission && {
          ...this.#lastAdmission,
          latestG: this.#latestG,
          own: this.#own,
        };
        const compared = await compareWithBooks(this.#client, this.#options, before);
        if (connection !== this.#connection) continue;
        if ("reason" in compared) {
          this.#reason = compared.reason;
          if (!compared.temporary) this.#lostAt = null;
          await Bun.sleep(bounds.fence_retry_milliseconds);
        } else {
          this.#accept(compared);
        }
      }
    } finally {
      this.#admitting = false;
    }
  }

  #accept(admission: Admission): void {
    const newEpoch = this.#lastAdmission !== null && this.#lastAdmission.epoch !== admission.epoch;
    this.#lastAdmission = admission;
    this.#latestG = [...admission.latestG];
    if (newEpoch) this.#own = [];
    this.#admitted = true;
    this.#lostAt = null;
    this.#options.onAdmitted(admission.shards, newEpoch);
  }
}
