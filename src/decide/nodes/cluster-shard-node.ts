import { ClientOfflineError, ErrorReply, type RedisArgument } from "@redis/client";
import { bounds } from "../../bounds.ts";
import { bareAddress } from "../../redis-address.ts";
import { connectRedis, type Redis } from "../redis-client.ts";
import { slotOf } from "./cluster-map.ts";
import { replicasOf, withCopies } from "./confirm.ts";
import { Doubt, type Reason } from "./doubt.ts";
import { whyMoved } from "./moved.ts";
import {
  type Commands,
  NOT_REACHED,
  type NodeWatcher,
  type RedisNodesOptions,
  type SendOptions,
  type ShardNode,
  Unconfirmed,
} from "./redis-nodes.ts";

export interface ClusterShardOptions extends RedisNodesOptions {
  /** The shard's primary; null if it has none. Rejects if the cluster cannot be asked. */
  readonly findPrimary: () => Promise<FoundPrimary | null>;
}

export interface FoundPrimary {
  readonly url: string;
  /** Its replicas, without those that count as failing: one of these would replace it. */
  readonly replicas: number;
  /** Its replicas that count as failing. */
  readonly failing: number;
}

const CHANGED = "the primary may have changed";
const ALL_HAVE_TO = {
  silent: "all have to for some seconds, as the primary was silent, and may have been replaced",
  new: "all that follow have to for some seconds, as the primary has just replaced another one",
};

/** Answers of a node that is not, or not now, the primary of the shard: it is looked for again. */
const NOT_PRIMARY = new Set(["MOVED", "READONLY", "CLUSTERDOWN", "MASTERDOWN", "UNBLOCKED"]);

/**
 * The connection to the primary of one shard in a Redis Cluster. It has two states:
 *
 * - Searching: the cluster is asked again and again who is the primary, and a client is made for that node. The client
 *   connects again by itself, as long as the cluster names no other node.
 * - Ready: until the connection is lost, the node says that it is not the primary, or it is silent while it is asked. A
 *   frozen process is noticed by nothing else.
 *
 * Not one client of the whole cluster: @redis/client's sends WAIT to any node, as it has no key, and looks at the cluster
 * late after a failover.
 */
export class ClusterShardNode implements ShardNode {
  readonly confirmed: Commands;
  readonly #shard: number;
  readonly #options: ClusterShardOptions;
  readonly #minReplicas: number;
  #unsaved = 0;
  readonly #proof: string;
  readonly #watchers: NodeWatcher[] = [];
  #doubt = new Doubt(0, false);
  /** The URL of the primary that it is about. */
  #doubted: string | null = null;
  #connectedAt = 0;
  #needed: Promise<number> = Promise.resolve(0);
  #neededAt = Number.NEGATIVE_INFINITY;
  #neededFor: Reason | null = null;
  /** The last one that was begun, whatever came of it. */
  #lastWait: Promise<void> = Promise.resolve();
  /** One that was not begun yet. */
  #nextWait: Promise<void> | null = null;
  #client: Redis | null = null;
  /** The URL that the client is for. */
  #target: string | null = null;
  #connections = 0;
  #isFound = false;
  #isSearching = false;
  #closed = false;
  #trouble = NOT_REACHED;
  #unanswered = 0;
  /** Counted, not timed: a process that was frozen itself must not take its own standstill for that of Redis. */
  #silentLooks = 0;
  readonly #looks: ReturnType<typeof setInterval>;

  constructor(shard: number, options: ClusterShardOptions) {
    this.#shard = shard;
    this.#options = options;
    this.#minReplicas = options.minReplicas ?? 0;
    this.#proof = `razonete:{${shard}}:proof`;
    this.confirmed =
      this.#minReplicas === 0 ? this : { sendCommand: (args, given) => this.#confirm(args, given) };
    this.#looks = setInterval(() => this.#look(), bounds.fence_look_milliseconds);
    this.search();
  }

  get isReady(): boolean {
    return this.#isFound;
  }

  get connection(): number | null {
    return this.#isFound ? this.#connections : null;
  }

  get address(): string {
    return this.#target === null ? `the primary of shard ${this.#shard}` : bareAddress(this.#target);
  }

  get trouble(): string {
    return this.#trouble;
  }

  watch(watcher: NodeWatcher): void {
    this.#watchers.push(watcher);
  }

  async sendCommand<T>(args: readonly RedisArgument[], options?: SendOptions): Promise<T> {
    const client = this.#client;
    if (!this.#isFound || client === null) throw new ClientOfflineError();
    this.#unanswered += 1;
    const sentAt = performance.now();
    try {
      const answer = await client.sendCommand<T>([...args], options);
      if (client === this.#client) this.#heard(sentAt);
      return answer;
    } catch (error) {
      if (error instanceof ErrorReply && client === this.#client) {
        this.#heard(sentAt);
        if (NOT_PRIMARY.has(error.message.split(" ", 1)[0] ?? "")) {
          const why = whyMoved(error.message, true) ?? error.message;
          this.#trouble = `${this.address} is not the primary of shard ${this.#shard} (${why})`;
          this.search();
        }
      }
      throw error;
    } finally {
      this.#unanswered -= 1;
    }
  }

  search(): void {
    if (this.#closed) return;
    const wasReady = this.#isFound;
    this.#isFound = false;
    if (wasReady) for (const { onLost } of this.#watchers) onLost();
    this.#find().catch(() => {});
  }

  setUnsaved(replicas: number): void {
    this.#unsaved = replicas;
  }

  close(): void {
    this.#closed = true;
    this.#isFound = false;
    clearInterval(this.#looks);
    this.#client?.destroy();
    this.#client = null;
  }

  /**
   * The command, a write of this process's own, and WAIT. The write is what proves that the node is still the primary: one
   * that was deposed and does not know it yet has replicas that confirm all that was there before. EXPIRE is a write that
   * is also taken when the memory is full.
   */
  async #confirm<T>(args: readonly RedisArgument[], options?: SendOptions): Promise<T> {
    const connection = this.#connections;
    const replicas = this.#minReplicas + this.#unsaved;
    const [answer, written] = await withCopies(
      replicas,
      async () => {
        const sent = [this.sendCommand<T>(args, options), this.#write("EXPIRE")] as const;
        const [first, second] = await Promise.allSettled(sent);
        if (first.status === "rejected") throw first.reason;
        if (second.status === "rejected") throw new Unconfirmed(CHANGED, { cause: second.reason });
        return [first.value, Number(second.value)] as const;
      },
      this,
    );
    if (written === 1 && !this.#isDoubtful()) return answer;
    try {
      // The key is not there yet, so nothing was written.
      if (written !== 1) await withCopies(replicas, () => this.#write("SET"), this);
      if (this.#isDoubtful()) await this.#settle();
    } catch (error) {
      throw error instanceof Unconfirmed ? error : new Unconfirmed(CHANGED, { cause: error });
    }
    // What was seen over another connection may have been of another node.
    if (connection !== this.connection) throw new Unconfirmed(CHANGED);
    return answer;
  }

  #isDoubtful(): boolean {
    return this.#doubt.reasonAt(performance.now()) !== null;
  }

  /**
   * Where there is doubt, more replicas have to confirm. WAIT asks for all that was written over this connection, so one is
   * for all who have come by then. It is sent once the one before is answered: nothing else is heard while one lasts.
   */
  #settle(): Promise<void> {
    if (this.#nextWait === null) {
      this.#nextWait = this.#lastWait.then(() => {
        this.#nextWait = null;
        return this.#waitForAll();
      });
      this.#lastWait = this.#nextWait.catch(() => {});
    }
    return this.#nextWait;
  }

  async #waitForAll(): Promise<void> {
    const now = performance.now();
    const reason = this.#doubt.reasonAt(now);
    if (reason === null) return;
    if (reason !== this.#neededFor || now - this.#neededAt > bounds.primary_look_milliseconds) {
      this.#neededFor = reason;
      this.#neededAt = now;
      this.#needed = this.#electable(reason);
    }
    const needed = Math.max(await this.#needed, this.#minReplicas + this.#unsaved);
    const confirming = await replicasOf(needed, this, bounds.replicas_doubt_milliseconds_max);
    if (confirming < needed)
      throw new Unconfirmed(`${confirming} replicas confirm it, not ${needed}: ${ALL_HAVE_TO[reason]}`);
  }

  /**
   * The replicas, of which one may have been elected; that one does not confirm. Those that are failing are not elected.
   * Of a new primary's, only as many as it has taken for its own by now: others are still being filled.
   */
  async #electable(reason: Reason): Promise<number> {
    const told = this.sendCommand<string>(["INFO", "replication"]);
    const [found, info] = await Promise.all([this.#options.findPrimary(), told]);
    if (found?.url !== this.#target) {
      this.search();
      throw new Unconfirmed("another node is the primary now");
    }
    const online = info.split(",state=online,").length - 1;
    const known = reason === "new" ? Math.min(found.replicas, online) : found.replicas;
    // For a moment after a failover a replica is not counted to it by the cluster, and follows it.
    return Math.max(known, online - found.failing);
  }

  #write(command: "EXPIRE" | "SET"): Promise<unknown> {
    // Ten years. It is set again each time.
    return this.sendCommand(
      command === "SET" ? ["SET", this.#proof, ""] : ["EXPIRE", this.#proof, "315360000"],
    );
  }

  #look(): void {
    if (this.#unanswered === 0) return this.#ask();
    this.#silentLooks += 1;
    if (this.#silentLooks < bounds.primary_silent_looks_max || this.#options.isPatient === true) return;
    this.#trouble = `${this.address}, the primary of shard ${this.#shard}, does not answer`;
    // Its calls are rejected by that.
    this.#drop();
    this.search();
  }

  /** So that one that nobody asks is heard. */
  #ask(): void {
    if (this.#isFound && this.#minReplicas > 0) this.sendCommand(["PING"]).catch(() => {});
  }

  #drop(): void {
    this.#client?.destroy();
    this.#client = null;
    this.#target = null;
    this.#silentLooks = 0;
  }

  async #find(): Promise<void> {
    if (this.#isSearching) return;
    this.#isSearching = true;
    for (let isFirst = true; !this.#isFound && !this.#closed; isFirst = false) {
      // A node that has just denied to be the primary is asked again only after a moment.
      if (!isFirst) await Bun.sleep(bounds.primary_look_milliseconds);
      try {
        const url = (await this.#options.findPrimary())?.url ?? null;
        if (this.#closed || this.#isFound) break;
        if (url === null) this.#trouble = this.#noPrimary();
        else if (url !== this.#target) this.#connect(url);
        else if (!isFirst && this.#client?.isReady === true) this.#found();
      } catch (error) {
        if (this.#target === null) this.#trouble = error instanceof Error ? error.message : String(error);
      }
    }
    this.#isSearching = false;
    // It may have been lost again while the loop ended.
    if (!this.#isFound && !this.#closed) this.#find().catch(() => {});
  }

  #noPrimary(): string {
    return `no node of the Redis Cluster has slot ${slotOf(this.#shard)}, which is shard ${this.#shard}'s`;
  }

  #connect(url: string): void {
    this.#drop();
    this.#target = url;
    if (this.#trouble === NOT_REACHED)
      this.#trouble = `it has not reached ${this.address}, the primary of shard ${this.#shard}, yet`;
    const client = connectRedis(url, () => {
      if (client !== this.#client) return;
      this.#trouble = `${this.address}, the primary of shard ${this.#shard}, cannot be reached`;
      // A refused ping (it is busy, its disk is full) also comes here, and does not break the connection.
      this.search();
    });
    this.#client = client;
    // If it was given up while connecting, it would leave the new connection open until its time-out.
    client.on("connect", () => {
      if (client === this.#client) this.#connectedAt = performance.now();
      else client.destroy();
    });
    client.on("ready", () => {
      if (client === this.#client) this.#found();
    });
    client.connect().catch(() => {});
  }

  #heard(sentAt: number): void {
    this.#silentLooks = 0;
    this.#doubt.heard(sentAt, performance.now());
  }

  #found(): void {
    this.#isFound = true;
    this.#connections += 1;
    this.#silentLooks = 0;
    // The same one as before may have been silent meanwhile.
    if (this.#doubted !== this.#target) {
      // The kernel connects to a frozen one as well: it is heard only once it has let this client in.
      this.#doubt = new Doubt(this.#connectedAt, this.#doubted !== null);
      this.#doubt.heard(this.#connectedAt, performance.now());
      this.#doubted = this.#target;
      this.#neededFor = null;
    }
    for (const { onReady } of this.#watchers) onReady();
  }
}
