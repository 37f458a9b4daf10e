import { bareAddress } from "../../redis-address.ts";
import { messageOf } from "../../errors.ts";
import { connectRedis, type Redis } from "../redis-client.ts";
import type { NodeWatcher, RedisNode, RedisNodes, ShardCopy, ShardNode } from "./redis-nodes.ts";

/** One Redis, which has all shards: one client, whose commands are sent as they are. */
export class OneNode implements RedisNodes, ShardNode {
  readonly isCluster = false;
  readonly minReplicas = 0;
  readonly isPrimary = true;
  readonly isFailing = false;
  /** Why it is not there, as far as it says: a wrong password, for one. */
  trouble = "Redis does not answer";
  readonly address: string;
  readonly confirmed: Redis;
  /** The client's own, so that a call costs no more than without this class. */
  readonly sendCommand: Redis["sendCommand"];
  readonly #client: Redis;
  readonly #watchers: NodeWatcher[] = [];
  #connections = 0;
  #isConnecting = false;
  #closed = false;

  constructor(url: string) {
    this.address = bareAddress(url);
    this.#client = connectRedis(url, (error) => {
      this.trouble = `Redis does not answer (${messageOf(error)})`;
      for (const { onLost } of this.#watchers) onLost();
    });
    this.confirmed = this.#client;
    this.sendCommand = this.#client.sendCommand.bind(this.#client);
    // If it was closed while connecting, the client would leave the new connection open until its time-out.
    this.#client.on("connect", () => {
      if (this.#closed) this.#client.destroy();
    });
    this.#client.on("ready", () => {
      this.#connections += 1;
      for (const { onReady } of this.#watchers) onReady();
    });
  }

  get isReady(): boolean {
    return this.#client.isReady;
  }

  get connection(): number | null {
    return this.#client.isReady ? this.#connections : null;
  }

  watch(watcher: NodeWatcher): void {
    this.#watchers.push(watcher);
  }

  search(): void {}

  setUnsaved(): void {}

  shard(): ShardNode {
    this.#connect();
    return this;
  }

  async primaries(): Promise<readonly RedisNode[]> {
    this.#connect();
    return [this];
  }

  async copies(): Promise<readonly ShardCopy[]> {
    this.#connect();
    return [this];
  }

  close(): void {
    this.#closed = true;
    if (this.#isConnecting) this.#client.destroy();
  }

  #connect(): void {
    if (this.#isConnecting || this.#closed) return;
    this.#isConnecting = true;
    // The client keeps trying by itself, and commands that are sent meanwhile reject.
    this.#client.connect().catch(() => {
      for (const { onLost } of this.#watchers) onLost();
    });
  }
}
