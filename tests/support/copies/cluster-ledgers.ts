import { functionLibrary } from "../../../src/decide/function-library.ts";
import { openRedisNodes } from "../../../src/decide/nodes/open-nodes.ts";
import type { RedisNodes } from "../../../src/decide/nodes/redis-nodes.ts";
import { headKey, readOutbox } from "../../../src/decide/redis-client.ts";
import { RedisLedger } from "../../../src/decide/redis-ledger.ts";
import { CONTEST_UNIT, INITIAL_CREDIT_LIMITS } from "../../../src/ledger/account.ts";
import { shardOf } from "../../../src/ledger/account-id.ts";
import { openingHash } from "../../../src/ledger/content-hash.ts";
import { eventually } from "../eventually.ts";
import { silentFeed, type StandLedgerOptions } from "../redis-under-test.ts";
import { RedisCluster } from "../servers/redis-cluster.ts";
import { TestBooks } from "../test-books.ts";

export const SHARDS = 3;

/** A Redis Cluster of the test's own with a ledger of three shards in it, the books beside it, and ledgers on it. */
export class ClusterStand implements AsyncDisposable {
  readonly cluster: RedisCluster;
  readonly books = new TestBooks(SHARDS, () => Promise.reject(new Error("these books keep nothing")));
  /** Of the test itself. */
  readonly nodes: RedisNodes;
  readonly #ledgers: RedisLedger[] = [];

  private constructor(cluster: RedisCluster) {
    this.cluster = cluster;
    this.nodes = openRedisNodes(cluster.url, { minReplicas: 1 });
  }

  static async start(): Promise<ClusterStand> {
    const stand = new ClusterStand(await RedisCluster.start({ shards: SHARDS }));
    await stand.#begin();
    return stand;
  }

  /** What `razonete init` does. */
  async #begin(): Promise<void> {
    const { epoch } = this.books;
    for (let shard = 0; shard < SHARDS; shard += 1)
      await eventually("the primaries are found", () => this.nodes.shard(shard).isReady);
    for (const primary of await this.nodes.primaries())
      await primary.confirmed.sendCommand(["FUNCTION", "LOAD", "REPLACE", functionLibrary]);
    for (let shard = 0; shard < SHARDS; shard += 1) {
      const accounts = INITIAL_CREDIT_LIMITS.flatMap((creditLimit, index) => {
        const id = String(index + 1);
        const opening = openingHash({ unit: CONTEST_UNIT, creditLimit, name: null, metadata: {} });
        return shardOf(id, SHARDS) === shard ? [id, `${creditLimit} 0 0 0 0 BRL/2 open 0`, opening] : [];
      });
      const args = ["razonete_begin", "1", headKey(shard), epoch, String(SHARDS), "0", ...accounts];
      await this.nodes.shard(shard).confirmed.sendCommand(["FCALL", ...args]);
    }
  }

  /** Every event of the shard's outbox, in order, as the shard's primary of now has it. */
  async events(shard: number): Promise<readonly string[]> {
    let found: readonly string[] = [];
    await eventually("the outbox is read", async () => {
      const batches = await readOutbox(this.nodes.shard(shard).confirmed, shard, 0, 1_000_000);
      found = batches.flatMap(({ events }) => events);
      return true;
    });
    return found;
  }

  /** A ledger on this cluster, by the user of the APIs. Closed with the stand, if that was not done. */
  newLedger(options: StandLedgerOptions = {}): RedisLedger {
    const ledger = new RedisLedger({
      redisUrl: this.cluster.urlOf("api"),
      minReplicas: 1,
      books: this.books,
      feed: silentFeed,
      outboxBatchesMax: 1_000_000,
      durable: true,
      balancerResends: false,
      ...options,
    });
    this.#ledgers.push(ledger);
    return ledger;
  }

  /** One of which all shards decide. */
  async ledger(options: StandLedgerOptions = {}): Promise<RedisLedger> {
    const ledger = this.newLedger(options);
    await this.decides(ledger);
    return ledger;
  }

  /** Waits until all its shards decide. */
  async decides(ledger: RedisLedger): Promise<void> {
    const state = () => ledger.readiness();
    await eventually(
      "all shards decide",
      () => {
        const now = state();
        return now.ready && now.undecided === undefined;
      },
      state,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#ledgers.map((ledger) => ledger.close()));
    this.nodes.close();
    await this.cluster.dispose();
  }
}
