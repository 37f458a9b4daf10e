import { type RedisNodes, type ShardNode, Unconfirmed } from "../decide/nodes/redis-nodes.ts";
import { headKey } from "../decide/redis-client.ts";
import type { AccountId } from "../ledger/account.ts";
import { shardOf } from "../ledger/account-id.ts";
import { bounds } from "../bounds.ts";

/** Resolves once replicas confirm this, and so have all that was sent before it. */
async function confirmed(node: ShardNode, shard: number): Promise<void> {
  // Long calls look like a silence, after which all replicas have to, for a while.
  const deadline = performance.now() + 2 * bounds.primary_doubt_milliseconds;
  for (;;)
    try {
      await node.confirmed.sendCommand(["TTL", headKey(shard)]);
      return;
    } catch (error) {
      if (!(error instanceof Unconfirmed) || performance.now() > deadline) throw error;
      await Bun.sleep(bounds.primary_look_milliseconds);
    }
}

/** Collects the items of razonete_load for each shard, and sends them when there are enough for a call. */
export class Loader {
  readonly #shards: readonly { readonly node: ShardNode; readonly connection: number | null }[];
  readonly #items: string[][];
  #calls: Promise<unknown>[] = [];

  constructor(nodes: RedisNodes, shards: number) {
    this.#items = Array.from({ length: shards }, () => []);
    this.#shards = this.#items.map((_, shard) => {
      const node = nodes.shard(shard);
      return { node, connection: node.connection };
    });
  }

  /** @returns undefined if there is nothing to wait for */
  addTo(account: AccountId, item: readonly (string | number)[]): Promise<void> | undefined {
    return this.add(shardOf(account, this.#items.length), item);
  }

  /** @returns as above */
  add(shard: number, item: readonly (string | number)[]): Promise<void> | undefined {
    const items = this.#items[shard] ?? [];
    for (const value of item) items.push(String(value));
    return items.length >= bounds.load_values_max ? this.#send(shard) : undefined;
  }

  /** Rejects if not all that was sent is known to be there. */
  async finish(): Promise<void> {
    for (const shard of this.#items.keys()) await this.#send(shard);
    await Promise.all(this.#calls);
    for (const [shard, { node, connection }] of this.#shards.entries()) {
      await confirmed(node, shard);
      if (node.connection !== connection)
        throw new Error(`the connection to the Redis of shard ${shard} was lost`);
    }
  }

  async #send(shard: number): Promise<void> {
    const items = this.#items[shard] ?? [];
    if (items.length === 0) return;
    this.#items[shard] = [];
    const call = this.#shards[shard]?.node.sendCommand([
      "FCALL",
      "razonete_load",
      "1",
      headKey(shard),
      ...items,
    ]);
    if (call !== undefined) this.#calls.push(call);
    if (this.#calls.length < bounds.load_calls_max) return;
    const calls = this.#calls;
    this.#calls = [];
    await Promise.all(calls);
  }
}
