import { ClientClosedError, ClientOfflineError, ErrorReply } from "@redis/client";
import { LedgerUnavailable, type Readiness } from "../ledger/ledger.ts";
import { bounds } from "../bounds.ts";
import { type Admission, compareWithBooks, type FenceOptions, type OwnBatch } from "./fence.ts";
import { connectRedis, headKey, type OutboxEntry, readOutbox, type Redis } from "./redis-client.ts";
import { readRedisState, REPLICA_FAULT } from "./redis-settings.ts";
import { messageOf } from "../errors.ts";

export interface RedisLinkOptions extends FenceOptions {
  readonly url: string;
  /**
   * Called whenever calls become possible: the first time, and again after each loss.
   *
   * @param newEpoch true if Redis is of another epoch than before: it does not remember commands of the old one
   */
  readonly onAdmitted: (shards: number, newEpoch: boolean) => void;
}

/** What those see who look after it. */
export interface FenceState {
  /** Whether Redis is asked for decisions. */
  readonly isOpen: boolean;
  /** Of the Redis that it was last open to; `null`: to none yet. */
  readonly epoch: string | null;
  /** Whether Redis refused the latest commands: its memory is full, for one. */
  readonly isRefused: boolean;
}

const NO_ANSWER = "Redis does not answer";

/** The call got no answer: it may have been executed or not. */
export class CallLost extends Error {}

/** The function failed, possibly after it had written something: to call it again could apply the same twice. */
export class CallFailed extends Error {}

/** Redis answered that it did not run the function, or the function refused the call: nothing was changed. */
export class CallRefused extends Error {
  /** The first word of the answer, for example EPOCH or LOADING. */
  readonly code: string;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = codeOf(message);
  }
}

// Errors which mean that the function did not run, or refused before its first write.
const REFUSING_CODES = new Set([
  "EPOCH",
  "STALE",
  "EMPTY",
  "LOADING",
  "OOM",
  "MISCONF",
  "BUSY",
  "READONLY",
  "MASTERDOWN",
  "NOREPLICAS",
  "NOPERM",
]);

// Errors of a Redis that will soon answer again.
const WAITING_CODES = new Set(["LOADING", "BUSY"]);

// Errors of a Redis that has become a replica.
const REPLICA_CODES = new Set(["READONLY", "MASTERDOWN"]);

/**
 * The connection to Redis, behind the fence. It has three states:
 *
 * - Down: the client reconnects by itself.
 * - Connected: no calls are allowed yet. The link compares Redis with the books (see {@link compareWithBooks}), and
 *   repeats that until they agree.
 * - Admitted: calls are allowed.
 *
 * A lost connection leads back to down. If the function answers that its data is of another epoch or older than what
 * this process has seen, or if the function is missing, the link goes back to connected. So requests are never answered
 * from an empty, an older or a different Redis. The link also calls idle shards now and then. Otherwise an idle process
 * would report that it is ready until its first request fails. And now and then it looks at the role and the settings of
 * Redis and PostgreSQL, which can be changed while they run: with wrong ones it also goes back to connected.
 */
export class RedisLink {
  readonly #options: RedisLinkOptions;
  readonly #client: Redis;
  /** What was known of Redis when it was last admitted. Kept while the connection is lost, to recognise Redis again. */
  #lastAdmission: Admission | null = null;
  /** For each shard, the latest batch of that epoch that this process has seen. */
  #latestG: number[] = [];
  /** For each shard, the latest batch of that epoch that was decided for this process. */
  #own: (OwnBatch | undefined)[] = [];
  #admitted = false;
  #reason = "it has not reached Redis yet";
  #lostAt: number | null = null;
  #admitting = false;
  #closed = false;
  /** The shards that were called since the last check of idle shards. */
  readonly #called = new Set<number>();
  #checkingIdle = false;
  readonly #idleChecks: ReturnType<typeof setInterval>;
  /** The servers whose settings are being looked at. */
  readonly #beingChecked = new Set<string>();
  readonly #settingsChecks: ReturnType<typeof setInterval>;
  /** Why Redis refused the latest transactions, in its own words; null if it did not. */
  #refusal: string | null = null;
  #unanswered = 0;
  /**
   * The looks since the last answer, be it a refusal, at which a call was unanswered. They are counted instead of timed: a process that
   * was frozen itself must not take its own standstill for Redis's.
   */
  #silentLooks = 0;
  /** Counts connections and losses: a comparison over one connection is not valid for the next one. */
  #connection = 0;

  constructor(options: RedisLinkOptions) {
    this.#options = options;
    this.#client = connectRedis(options.url, () => {
      this.#lose(NO_ANSWER);
      // A refused ping (Redis is busy, its disk is full) also comes here, and does not break the connection.
      if (this.#client.isReady) this.#startAdmission();
    });
    // If the link was closed while connecting, the client would leave the new connection open until its time-out.
    this.#client.on("connect", () => {
      if (this.#closed) this.#client.destroy();
    });
    this.#client.on("ready", () => {
      this.#connection += 1;
      this.#startAdmission();
    });
    this.#client.connect().catch(() => this.#lose(NO_ANSWER));
    this.#idleChecks = setInterval(() => void this.#look(), bounds.fence_look_milliseconds);
    this.#settingsChecks = setInterval(() => void this.#checkSettings(), bounds.settings_look_milliseconds);
  }

  /** Null while no calls are allowed. */
  get admission(): Admission | null {
    return this.#admitted ? this.#lastAdmission : null;
  }

  latestG(shard: number): number {
    return this.#latestG[shard] ?? 0;
  }

  /** @param event one of the events of the batch, which was decided for this process */
  sawBatch(shard: number, g: number, event: string): void {
    if (g <= this.latestG(shard)) return;
    this.#latestG[shard] = g;
    this.#own[shard] = { g, event };
  }

  /**
   * A short loss of the connection does not make this process unready: requests wait until their deadline, and the
   * other processes have lost the same Redis. The same holds for a Redis that is silent. If Redis is refused by the
   * fence, the process is unready at once.
   */
  readiness(): Readiness {
    if (this.#admitted) return this.#isSilent() ? { ready: false, reason: NO_ANSWER } : { ready: true };
    const isShortLoss =
      this.#lostAt !== null && performance.now() - this.#lostAt < bounds.decision_milliseconds_max;
    return isShortLoss ? { ready: true } : { ready: false, reason: this.#reason };
  }

  /** Why a request got no answer by its deadline, for a person. */
  get trouble(): string {
    if (!this.#admitted) return this.#reason;
    return this.#refusal === null ? "Redis did not answer in time" : `Redis refuses it: ${this.#refusal}`;
  }

  /** Why Redis refuses transactions, though it may answer reads: its memory is full, for one. Null if it does not. */
  get refusal(): string | null {
    return this.#admitted ? this.#refusal : null;
  }

  get fence(): FenceState {
    const epoch = this.#lastAdmission?.epoch ?? null;
    return { isOpen: this.#admitted && !this.#isSilent(), epoch, isRefused: this.refusal !== null };
  }

  /**
   * Calls a function of the ledger in Redis.
   *
   * @throws CallRefused if it did not run or changed nothing
   * @throws CallLost if it may have run
   * @throws CallFailed if it ran into an error
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
    this.#unanswered += 1;
    try {
      const answer = await this.#client.sendCommand([command, name, "1", headKey(shard), ...args]);
      this.#silentLooks = 0;
      if (command === "FCALL") this.#refusal = null;
      return answer;
    } catch (error) {
      if (error instanceof ClientOfflineError || error instanceof ClientClosedError)
        throw new CallRefused(error.message, { cause: error });
      if (!(error instanceof ErrorReply)) throw new CallLost(messageOf(error), { cause: error });
      const refused = new CallRefused(error.message, { cause: error });
      if (!WAITING_CODES.has(refused.code)) this.#silentLooks = 0;
      const isGone = error.message.startsWith("ERR Function not found");
      if (!REFUSING_CODES.has(refused.code) && !isGone) {
        this.#closeFence(`the ledger's function failed in Redis (${error.message})`);
        throw new CallFailed(error.message, { cause: error });
      }
      if (command === "FCALL") this.#refusal = error.message;
      if (REPLICA_CODES.has(refused.code)) this.#closeFence(REPLICA_FAULT);
      if (isGone || refused.code === "EPOCH" || refused.code === "STALE") this.#closeFence(error.message);
      throw refused;
    } finally {
      this.#unanswered -= 1;
    }
  }

  /**
   * Reads up to `count` batches of the outbox, beginning at batch `g`.
   *
   * @throws LedgerUnavailable
   */
  async outbox(shard: number, g: number, count: number): Promise<readonly OutboxEntry[]> {
    if (!this.#admitted) throw new LedgerUnavailable(NO_ANSWER, "none");
    try {
      return await readOutbox(this.#client, shard, g, count);
    } catch (error) {
      throw new LedgerUnavailable(NO_ANSWER, "none", { cause: error });
    }
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#idleChecks);
    clearInterval(this.#settingsChecks);
    this.#admitted = false;
    this.#reason = "the ledger is closed";
    this.#lostAt = null;
    this.#client.destroy();
  }

  #lose(reason: string): void {
    if (this.#closed) return;
    this.#connection += 1;
    // Where Redis was silent before, requests have waited for long enough.
    if (this.#admitted) this.#lostAt = this.#isSilent() ? null : performance.now();
    this.#admitted = false;
    this.#reason = reason;
  }

  #isSilent(): boolean {
    return this.#silentLooks >= bounds.fence_silent_looks_max;
  }

  /** Calls the read function of each idle shard for no accounts: it is refused if Redis is not the expected one. */
  async #look(): Promise<void> {
    if (this.#unanswered > 0) this.#silentLooks += 1;
    // An answer may take longer than the time between two checks.
    if (this.#checkingIdle) return;
    this.#checkingIdle = true;
    for (let shard = 0; shard < (this.admission?.shards ?? 0); shard += 1) {
      if (this.#called.delete(shard)) continue;
      const args = [this.admission?.epoch ?? "", String(this.latestG(shard))];
      // A refusal is handled in #send, and a loss by the connection's error listener.
      await this.#send("FCALL_RO", "razonete_read", shard, args).catch(() => {});
    }
    this.#checkingIdle = false;
  }

  /** Looks at the settings of both servers, apart from all transactions. */
  async #checkSettings(): Promise<void> {
    const { books, durable } = this.#options;
    await Promise.all([
      this.#checkServer("Redis", async () => (await readRedisState(this.#client, durable)).fault),
      this.#checkServer("PostgreSQL", () => books.settingsFault(durable)),
    ]);
  }

  async #checkServer(server: string, faultOf: () => Promise<string | null>): Promise<void> {
    // An answer may take longer than the time between two checks.
    if (!this.#admitted || this.#beingChecked.has(server)) return;
    this.#beingChecked.add(server);
    const connection = this.#connection;
    // That a server does not answer is nobody's fault here: Redis's silence is noticed elsewhere, the books may be away.
    // But a Redis that answers and does not tell may be set in any way.
    const fault = await faultOf().catch((error: unknown) =>
      error instanceof ErrorReply && !WAITING_CODES.has(codeOf(error.message))
        ? `Redis does not tell its settings (${error.message})`
        : null,
    );
    this.#beingChecked.delete(server);
    if (fault !== null && this.#admitted && connection === this.#connection) this.#closeFence(fault);
  }

  /** The admitted Redis is not what it was: it is compared with the books before the next call. */
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

  /** Compares Redis with the books until they agree or the connection is lost. */
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
    this.#silentLooks = 0;
    this.#lostAt = null;
    this.#options.onAdmitted(admission.shards, newEpoch);
  }
}

/** The first word of an error of Redis, for example LOADING. */
function codeOf(message: string): string {
  return message.split(" ", 1)[0] ?? "";
}
