import { ErrorReply } from "@redis/client";
import { LedgerUnavailable, type Readiness } from "../ledger/ledger.ts";
import { bounds } from "../bounds.ts";
import { callError, CallFailed, CallRefused, isAnswer, isFunctionGone } from "./calls/call-errors.ts";
import { type Admission, compareWithBooks, type FenceOptions, type OwnBatch } from "./fence.ts";
import { NOT_REACHED, type RedisNodes, type ShardNode, Unconfirmed } from "./nodes/redis-nodes.ts";
import { headKey, type OutboxEntry, readOutbox } from "./redis-client.ts";
import { REPLICA_FAULT, type RedisState } from "./redis-settings.ts";
import { readShardState } from "./shard-state.ts";
import { messageOf } from "../errors.ts";

export interface RedisLinkOptions extends FenceOptions {
  readonly nodes: RedisNodes;
  /** The only shard that is asked for over it; `null`: all of the ledger, which are on one Redis. */
  readonly shard: number | null;
  /**
   * Called whenever calls become possible: the first time, and again after each loss.
   *
   * @param shards of the whole ledger
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

/** Of so many looks at an idle shard one is confirmed. */
const CONFIRMED_LOOK = 4;

// Errors of a Redis that has become a replica.
const REPLICA_CODES = new Set(["READONLY", "MASTERDOWN"]);

// Refusals of the function, in words for a person: Redis is not the one that it was.
const COMPARED = "it is compared with the books before anything is asked of it";
const FENCE_REASONS = new Map([
  ["EPOCH", `Redis has another epoch than it had, or none: ${COMPARED}`],
  ["STALE", `Redis lacks what it has answered: ${COMPARED}`],
]);

/**
 * The connection to the Redis of a shard, or of all shards, behind the fence. It has three states:
 *
 * - Down: the node connects again by itself, in a cluster perhaps to another primary.
 * - Connected: no calls are allowed yet. The link compares Redis with the books (see {@link compareWithBooks}), and
 *   repeats that until they agree.
 * - Admitted: calls are allowed.
 *
 * A lost connection leads back to down. If the function answers that its data is of another epoch or older than what
 * this process has seen, or if the function is missing, the link goes back to connected. So requests are never answered
 * from an empty, an older or a different Redis. The link also calls idle shards now and then. Otherwise an idle process
 * would report that it is ready until its first request fails. And now and then it looks at the role and the settings of
 * Redis, which can be changed while it runs: with wrong ones it also goes back to connected.
 *
 * Where replicas are waited for, an answer comes only once they have confirmed it, and with it that this is still the
 * primary. So nothing that a failover may undo is answered, published, or counted as seen. What was not confirmed counts
 * as lost: the same ids are sent again, to whoever is the primary then.
 */
export class RedisLink {
  readonly #options: RedisLinkOptions;
  readonly #node: ShardNode;
  /** What was known of Redis when it was last admitted. Kept while the connection is lost, to recognise Redis again. */
  #lastAdmission: Admission | null = null;
  /** For each shard, the latest batch of that epoch that this process has seen. */
  #latestG: Map<number, number> = new Map();
  /** For each shard, the latest batch of that epoch that was decided for this process. */
  readonly #own = new Map<number, OwnBatch>();
  #admitted = false;
  #reason = NOT_REACHED;
  #lostAt: number | null = null;
  #admitting = false;
  #closed = false;
  /** The shards that were called since the last check of idle shards. */
  readonly #called = new Set<number>();
  #checkingIdle = false;
  #idleLooks = 0;
  #checkingSettings = false;
  /** Why Redis refused the latest transactions, in its own words; null if it did not. */
  #refusal: string | null = null;
  /** Why the latest calls were not confirmed, and since when (milliseconds of `performance.now`); null if they were. */
  #unconfirmed: { readonly reason: string; readonly since: number } | null = null;
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
    this.#node = options.nodes.shard(options.shard ?? 0);
    this.#node.watch({
      onLost: () => {
        // What one Redis says in detail is for who looks after it, not for clients.
        this.#lose(options.nodes.isCluster ? this.#node.trouble : NO_ANSWER);
        // A refused ping (Redis is busy, its disk is full) also comes here, and does not break the connection.
        if (this.#node.isReady) this.#startAdmission();
      },
      onReady: () => {
        if (this.#closed) return;
        this.#connection += 1;
        this.#startAdmission();
      },
    });
  }

  /** Null while no calls are allowed. */
  get admission(): Admission | null {
    return this.#admitted ? this.#lastAdmission : null;
  }

  latestG(shard: number): number {
    return this.#latestG.get(shard) ?? 0;
  }

  /** @param event one of the events of the batch, which was decided for this process */
  sawBatch(shard: number, g: number, event: string): void {
    if (g <= this.latestG(shard)) return;
    this.#latestG.set(shard, g);
    this.#own.set(shard, { g, event });
  }

  /**
   * A short loss of the connection does not make this process unready: requests wait until their deadline, and the
   * other processes have lost the same Redis. The same holds for a Redis that is silent. If Redis is refused by the
   * fence, the process is unready at once.
   */
  readiness(): Readiness {
    if (this.#admitted) {
      const reason = this.#isSilent() ? NO_ANSWER : this.#longUnconfirmed();
      return reason === null ? { ready: true } : { ready: false, reason };
    }
    const isShortLoss =
      this.#lostAt !== null && performance.now() - this.#lostAt < bounds.decision_milliseconds_max;
    return isShortLoss ? { ready: true } : { ready: false, reason: this.#why };
  }

  /** Whether what is asked now is decided, as far as is known. */
  get decides(): boolean {
    return this.#admitted && !this.#isSilent() && this.#unconfirmed === null;
  }

  /**
   * Why a request got no answer by its deadline, for its client. It names no node of a cluster: what those say is for who
   * looks after them, and in {@link readiness}.
   */
  get trouble(): string {
    const { shard } = this.#options;
    if (!this.#admitted)
      return shard === null || this.#closed ? this.#reason : `shard ${shard} does not decide now`;
    if (this.#unconfirmed !== null) return this.#unconfirmed.reason;
    return this.#refusal === null ? "Redis did not answer in time" : `Redis refuses it: ${this.#refusal}`;
  }

  /** Why no calls are allowed. In a cluster the node knows best what it waits for. */
  get #why(): string {
    const isSought = this.#options.nodes.isCluster && !this.#node.isReady && !this.#closed;
    return isSought ? this.#node.trouble : this.#reason;
  }

  /** Why Redis refuses transactions, though it may answer reads: its memory is full, for one. Null if it does not. */
  get refusal(): string | null {
    return this.#admitted ? this.#refusal : null;
  }

  get fence(): FenceState {
    const epoch = this.#lastAdmission?.epoch ?? null;
    return {
      isOpen: this.#admitted && !this.#isSilent() && this.#longUnconfirmed() === null,
      epoch,
      isRefused: this.refusal !== null,
    };
  }

  /**
   * Calls a function of the ledger in Redis. Nothing is sent while no calls are allowed: there is no epoch to call it with.
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
    if (!this.#admitted) return Promise.reject(new CallRefused(this.#reason));
    this.#called.add(shard);
    return this.#send(command, name, shard, args);
  }

  async #send(
    command: "FCALL" | "FCALL_RO",
    name: string,
    shard: number,
    args: readonly string[],
    commands = this.#node.confirmed,
  ): Promise<unknown> {
    this.#unanswered += 1;
    try {
      const answer = await commands.sendCommand([command, name, "1", headKey(shard), ...args]);
      this.#silentLooks = 0;
      if (command === "FCALL") this.#refusal = null;
      if (commands === this.#node.confirmed) this.#unconfirmed = null;
      return answer;
    } catch (error) {
      if (isAnswer(error)) this.#silentLooks = 0;
      if (error instanceof Unconfirmed) {
        this.#silentLooks = 0;
        this.#unconfirmed = { since: this.#unconfirmed?.since ?? performance.now(), reason: error.message };
      }
      const failed = callError(error);
      if (failed instanceof CallFailed)
        this.#closeFence(`the ledger's function failed in Redis (${failed.message})`);
      if (failed instanceof CallRefused && error instanceof ErrorReply) {
        const fenceReason = FENCE_REASONS.get(failed.code);
        // In a cluster the node looks for the new primary by itself, whose address is in MOVED.
        const isRefusal = failed.code !== "MOVED" && fenceReason === undefined;
        if (command === "FCALL" && isRefusal) this.#refusal = failed.message;
        if (REPLICA_CODES.has(failed.code) && !this.#options.nodes.isCluster) this.#closeFence(REPLICA_FAULT);
        if (fenceReason !== undefined) this.#closeFence(fenceReason);
        if (isFunctionGone(failed.message)) this.#closeFence(failed.message);
      }
      throw failed;
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
      return await readOutbox(this.#node.confirmed, shard, g, count);
    } catch (error) {
      throw new LedgerUnavailable(NO_ANSWER, "none", { cause: error });
    }
  }

  close(): void {
    this.#closed = true;
    this.#admitted = false;
    this.#reason = "the ledger is closed";
    this.#lostAt = null;
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

  /**
   * To be called every `fence_look_milliseconds`. Calls the read function of each idle shard for no accounts: it is refused
   * if Redis is not the expected one.
   */
  async look(): Promise<void> {
    if (this.#unanswered > 0) this.#silentLooks += 1;
    // An answer may take longer than the time between two checks.
    if (this.#checkingIdle) return;
    this.#checkingIdle = true;
    this.#idleLooks += 1;
    // What is confirmed is written, so an idle shard is asked for that once a second only.
    const isConfirmed = this.#idleLooks % CONFIRMED_LOOK === 0;
    for (const shard of this.#latestG.keys()) {
      if (this.#called.delete(shard) || this.admission === null) continue;
      const args = [this.admission.epoch, String(this.latestG(shard))];
      const commands = isConfirmed ? this.#node.confirmed : this.#node;
      // A refusal is handled in #send, and a loss by the connection's error listener.
      await this.#send("FCALL_RO", "razonete_read", shard, args, commands).catch(() => {});
    }
    this.#checkingIdle = false;
  }

  /** To be called every `settings_look_milliseconds`. Looks at Redis's settings, apart from all transactions. */
  async checkSettings(): Promise<void> {
    // An answer may take longer than the time between two checks.
    if (!this.#admitted || this.#checkingSettings) return;
    this.#checkingSettings = true;
    const connection = this.#connection;
    // That it does not answer is nobody's fault here: its silence is noticed elsewhere. But a Redis that answers and does
    // not tell may be set in any way.
    const fault = await this.#readState().then(
      (state) => state.fault,
      (error: unknown) => (isAnswer(error) ? `Redis does not tell its settings (${messageOf(error)})` : null),
    );
    this.#checkingSettings = false;
    if (fault !== null && connection === this.#connection) this.refuse(fault);
  }

  #readState(): Promise<RedisState> {
    const { nodes, shard, durable } = this.#options;
    return readShardState(nodes, this.#node, shard ?? 0, durable);
  }

  /** Nothing is asked of Redis until it and the books were compared again. @param reason for a person */
  refuse(reason: string): void {
    if (this.#admitted) this.#closeFence(reason);
  }

  /** Why nothing is confirmed, where that has lasted for longer than requests wait. */
  #longUnconfirmed(): string | null {
    if (this.#unconfirmed === null) return null;
    const { since, reason } = this.#unconfirmed;
    return performance.now() - since < bounds.decision_milliseconds_max ? null : reason;
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
      while (this.#node.isReady && !this.#admitted && !this.#closed) {
        const connection = this.#connection;
        const before = this.#lastAdmission && {
          ...this.#lastAdmission,
          latestG: this.#latestG,
          own: this.#own,
        };
        const redis = { node: this.#node, shard: this.#options.shard, readState: () => this.#readState() };
        const compared = await compareWithBooks(redis, this.#options, before);
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
    this.#latestG = new Map(admission.latestG);
    if (newEpoch) this.#own.clear();
    this.#admitted = true;
    this.#silentLooks = 0;
    this.#unconfirmed = null;
    this.#lostAt = null;
    this.#options.onAdmitted(admission.shards, newEpoch);
  }
}
