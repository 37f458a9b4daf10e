import type { Report } from "../log/report.ts";
import type { BooksReader } from "./ports.ts";
import type { ShardOptions } from "./shard.ts";

export interface RedisLedgerOptions extends ShardOptions {
  readonly redisUrl: string;
  /** Replicas that confirm what is decided, in a Redis Cluster. Default: 0. */
  readonly minReplicas?: number;
  readonly books: BooksReader;
  /** False accepts a Redis that answers before it has synced to disk. */
  readonly durable: boolean;
  /** Called with one line whenever its readiness changes, and for each new reason why it is not ready. */
  readonly onOutage?: Report;
  /** The same for what a person has to look at. */
  readonly onAlarm?: Report;
  /** How often parts of transactions across shards are completed that were left. Default: see the bounds. */
  readonly completionMilliseconds?: number;
}
