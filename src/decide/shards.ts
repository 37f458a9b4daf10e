import type { Shard } from "./shard.ts";

/** The shards that there are. */
export interface Shards {
  count(): number;
  /** @throws LedgerUnavailable if it cannot be used */
  of(shard: number): ShardPort;
}

/** One shard of the ledger in Redis, see there. */
export type ShardPort = Pick<
  Shard,
  | "submit"
  | "recall"
  | "ask"
  | "oldestOpen"
  | "reachable"
  | "account"
  | "hold"
  | "reversalOf"
  | "event"
  | "outbox"
>;
