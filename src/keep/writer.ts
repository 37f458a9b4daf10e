import { Feed } from "../carry/feed.ts";
import type { WriterConfig } from "../config.ts";
import type { Report } from "../log/report.ts";
import type { Tracing } from "../traces/tracing.ts";
import { bounds } from "../bounds.ts";
import type { BooksFence } from "../decide/ports.ts";
import { Books } from "./books.ts";
import { Outbox } from "./redis/outbox.ts";
import { ShardWriter } from "./shard-writer.ts";
import { OutageLog } from "./outage-log.ts";
import { WakeableSleep } from "./wakeable-sleep.ts";
import { messageOf } from "../errors.ts";
import { measuredBooks, WriterMeasures } from "../metrics/writer-measures.ts";

/** The writer process: one {@link ShardWriter} for each shard of the books, with shared connections. */
export class Writer {
  readonly #config: WriterConfig;
  readonly #report: Report;
  readonly #outages: OutageLog;
  readonly #sleep = new WakeableSleep();
  readonly measures = new WriterMeasures();
  readonly #tracing: Tracing | null;
  #shardWriters: readonly ShardWriter[] = [];
  #stopped = false;

  /** @param report called with one line for each change of state */
  constructor(config: WriterConfig, report: Report, tracing: Tracing | null = null) {
    this.#config = config;
    this.#report = report;
    this.#tracing = tracing;
    this.#outages = new OutageLog(report);
  }

  /**
   * Runs until {@link stop}. Waits for servers that are unavailable.
   *
   * @throws Divergence
   */
  async run(): Promise<void> {
    const { databaseUrl, redisUrl, minReplicas, natsUrl, durable } = this.#config;
    const books = new Books({ url: databaseUrl, name: "razonete writer", connections_max: 1 });
    const outbox = new Outbox(redisUrl, minReplicas);
    const feed = new Feed({ url: natsUrl, name: "razonete writer", onOutage: this.#report });
    try {
      const shards = await this.#shards(books);
      this.#shardWriters = Array.from({ length: shards }, (_, shard) => {
        const common = { databaseUrl, books: measuredBooks(books, this.measures), outbox, durable };
        const options = { ...common, shard, report: this.#report, tracing: this.#tracing };
        const writer = new ShardWriter(options);
        feed.subscribe(shard, (batch) => writer.offer(batch));
        return writer;
      });
      await Promise.all(this.#shardWriters.map((_, shard) => outbox.reached(shard)));
      if (this.#stopped) return;
      await Promise.all(this.#shardWriters.map((writer) => writer.run().finally(() => this.stop())));
    } finally {
      await feed.close();
      outbox.close();
      await books.close();
    }
  }

  /** Of each shard, whether this writer is the active one. */
  get active(): readonly boolean[] {
    return this.#shardWriters.map(({ isActive }) => isActive);
  }

  stop(): void {
    this.#stopped = true;
    this.#sleep.wake();
    for (const writer of this.#shardWriters) writer.stop();
  }

  async #shards(books: Books): Promise<number> {
    while (!this.#stopped) {
      let fence: BooksFence | null = null;
      try {
        fence = await books.fence();
        if (fence === null)
          this.#outages.begin("PostgreSQL", "no books", "there are no books yet: run razonete init");
      } catch (error) {
        const reason = messageOf(error);
        this.#outages.begin("PostgreSQL", "away", `PostgreSQL cannot be used (${reason})`);
      }
      if (fence !== null) {
        this.#outages.end("PostgreSQL");
        return fence.shards;
      }
      await this.#sleep.for(bounds.role_look_milliseconds);
    }
    return 0;
  }
}
