import { z } from "zod";
import type { BooksFence, BooksReader } from "../../src/decide/ports.ts";
import type { AccountId } from "../../src/ledger/account.ts";
import type { Entry } from "../../src/ledger/entry.ts";
import { parseEvent } from "../../src/ledger/event.ts";

/** Books in memory that a test can send away, or set to what it likes; {@link keep} does what the writer does. */
export class TestBooks implements BooksReader {
  away = false;
  epoch = "test";
  loaded = true;
  isRestoring = false;
  shards: number;
  lastG: number[];
  seenG: number[];
  /** Razonete init has run. */
  initialized = true;
  asked = 0;
  /** What is wrong with their server's settings. */
  fault: string | null = null;
  readonly #redis: (args: readonly string[]) => Promise<unknown>;
  #entries: Entry[] = [];
  /** Their events, by shard and g. */
  readonly #batches = new Map<string, readonly string[]>();

  constructor(shards: number, redis: (args: readonly string[]) => Promise<unknown>) {
    this.shards = shards;
    this.lastG = Array.from({ length: shards }, () => 0);
    this.seenG = [...this.lastG];
    this.#redis = redis;
  }

  forget(): void {
    this.lastG = this.lastG.map(() => 0);
    this.seenG = [...this.lastG];
    this.#entries = [];
    this.#batches.clear();
  }

  async fence(): Promise<BooksFence | null> {
    this.asked += 1;
    if (this.away) throw new Error("the books are away");
    if (!this.initialized) return null;
    const { epoch, loaded, isRestoring, shards } = this;
    return { epoch, loaded, isRestoring, shards, lastG: [...this.lastG], seenG: [...this.seenG] };
  }

  async hasEvent(shard: number, g: number, event: string): Promise<boolean> {
    if (this.away) throw new Error("the books are away");
    return this.#batches.get(`${shard}.${g}`)?.includes(event) ?? false;
  }

  async settingsFault(): Promise<string | null> {
    if (this.away) throw new Error("the books are away");
    return this.fault;
  }

  async noteSeen(epoch: string, shard: number, g: number): Promise<void> {
    if (this.away) throw new Error("the books are away");
    if (epoch === this.epoch) this.seenG[shard] = Math.max(g, this.seenG[shard] ?? 0);
  }

  async history(account: AccountId, before: number | null, count: number) {
    if (this.away) throw new Error("the books are away");
    const entries = this.#entries.filter((entry) => entry.account === account);
    return {
      entries: entries
        .filter(({ seq }) => before === null || seq < before)
        .toReversed()
        .slice(0, count),
      keptSeq: entries.at(-1)?.seq ?? 0,
    };
  }

  /** Keeps up to `batches` batches of a shard, then trims them from the outbox. */
  async keep(shard: number, batches: number): Promise<void> {
    const outbox = `razonete:{${shard}}:outbox`;
    const from = `${(this.lastG[shard] ?? 0) + 1}-0`;
    const reply = batchesReply.parse(
      await this.#redis(["XRANGE", outbox, from, "+", "COUNT", String(batches)]),
    );
    for (const [id, fields] of reply) {
      const g = Number(id.split("-")[0]);
      const events = fields.filter((_, index) => index % 2 === 1);
      this.#batches.set(`${shard}.${g}`, events);
      for (const event of events.map(parseEvent)) if (event.type === "entry") this.#entries.push(event.entry);
      this.lastG[shard] = g;
    }
    await this.#redis(["XTRIM", outbox, "MINID", String((this.lastG[shard] ?? 0) + 1)]);
  }
}

const batchesReply = z.array(z.tuple([z.string(), z.array(z.string())]));
