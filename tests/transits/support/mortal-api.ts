import { openRedisNodes } from "../../../src/decide/nodes/open-nodes.ts";
import type { BooksReader } from "../../../src/decide/ports.ts";
import type { ShardPort } from "../../../src/decide/shards.ts";
import { Shard } from "../../../src/decide/shard.ts";
import { ShardLinks } from "../../../src/decide/shard-links.ts";
import { AcrossShards } from "../../../src/decide/transits/across-shards.ts";
import { eventually } from "../../support/eventually.ts";
import { silentFeed } from "../../support/redis-under-test.ts";

/** Where the ledger is that it works on. */
export interface Stand {
  readonly redisUrl: string;
  readonly minReplicas: number;
  readonly books: BooksReader;
}

/** At which of its calls a process dies, from 1, and whether that one is still done. */
export interface Death {
  readonly call: number;
  readonly isDone: boolean;
}

/** What an API has for transactions across shards, in a process that dies: of what it asks after that nothing is sent. */
export class MortalApi implements Disposable {
  readonly across: AcrossShards;
  readonly #links: ShardLinks;
  readonly #shards: Shard[] = [];
  readonly #death: Death;
  /** What it has asked of shards, by the letters that the function has for it. */
  readonly calls: string[] = [];

  private constructor({ redisUrl, minReplicas, books }: Stand, death: Death) {
    this.#death = death;
    const options = { feed: silentFeed, outboxBatchesMax: 100_000, balancerResends: false };
    this.#links = new ShardLinks({
      nodes: openRedisNodes(redisUrl, { minReplicas }),
      books,
      durable: true,
      report: () => {},
      alarm: () => {},
      onAdmitted: (count) => {
        for (let at = this.#shards.length; at < count; at += 1)
          this.#shards.push(new Shard(at, this.#links.of(at), this.#links.cycleOf(at), options));
        for (const shard of this.#shards) shard.wake(false);
      },
    });
    const shards = { count: () => this.#shards.length, of: (number: number) => this.#mortal(number) };
    this.across = new AcrossShards(shards, books, false);
  }

  static async start(stand: Stand, death: Death): Promise<MortalApi> {
    const api = new MortalApi(stand, death);
    await eventually("it may ask shards", async () => {
      await Promise.all(api.#shards.map((shard) => shard.oldestOpen("o", 1)));
      return api.#shards.length > 0;
    });
    return api;
  }

  get isDead(): boolean {
    const { call, isDone } = this.#death;
    return this.calls.length > call || (this.calls.length === call && !isDone);
  }

  [Symbol.dispose](): void {
    this.#links.close();
    for (const shard of this.#shards) shard.abandon("the process is dead");
  }

  #mortal(number: number): ShardPort {
    const shard = this.#shards[number];
    if (shard === undefined) throw new Error(`there is no shard ${number}`);
    const unlessDead =
      <Args extends unknown[], T>(name: string, ask: (...args: Args) => Promise<T>) =>
      async (...args: Args): Promise<T> => {
        const { call, isDone } = this.#death;
        const place = this.calls.push(name);
        if (place > call || (place === call && !isDone)) return NEVER;
        const answer = await ask(...args);
        // What comes after it in the same process never happens.
        return place === call || this.calls.length >= call ? NEVER : answer;
      };
    const read =
      <Args extends unknown[], T>(ask: (...args: Args) => Promise<T>) =>
      async (...args: Args): Promise<T> =>
        this.isDead ? NEVER : ask(...args);
    return {
      submit: unlessDead("decide", (command) => shard.submit(command)),
      ask: (command) => unlessDead(command.type, () => shard.ask(command))(),
      recall: read((commands) => shard.recall(commands)),
      oldestOpen: read((...args) => shard.oldestOpen(...args)),
      reachable: read(() => shard.reachable()),
      account: read((...args) => shard.account(...args)),
      hold: read((id) => shard.hold(id)),
      reversalOf: read((id) => shard.reversalOf(id)),
      event: read((...place) => shard.event(...place)),
      outbox: read(() => shard.outbox()),
    };
  }
}

const NEVER = new Promise<never>(() => {});
