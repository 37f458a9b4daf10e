import type { LedgerFence } from "../decide/shard-links.ts";
import type { Readiness } from "../ledger/ledger.ts";
import type { BooksLook } from "./books-look.ts";
import type { RedisLook, ShardState } from "./redis-look.ts";
import { type Metrics, one, type Sample } from "./registry.ts";

export interface ApiSources {
  readonly ledger: { readonly fence: LedgerFence };
  readonly readiness: () => Readiness;
  readonly redis: Pick<RedisLook, "shards">;
  readonly books: Pick<BooksLook, "cursors">;
  readonly outboxBatchesMax: number;
}

/**
 * Of an API: its own state, and what Redis and the books have. Every API tells the latter, and so it is known as long as
 * one of them lives, whatever has become of the writers.
 */
export function addApi(metrics: Metrics, sources: ApiSources): void {
  const { ledger, redis, books, outboxBatchesMax } = sources;
  metrics.add("gauge", "ready", "Whether it takes requests: 1 or 0.", () =>
    one(sources.readiness().ready ? 1 : 0),
  );
  metrics.add("gauge", "fence_open", "Whether Redis is trusted, and asked: 1 or 0.", () =>
    one(ledger.fence.isOpen ? 1 : 0),
  );
  metrics.add("gauge", "fence_info", "The epoch of the Redis that was last trusted; always 1.", () => {
    const { epoch } = ledger.fence;
    return epoch === null ? [] : [{ value: 1, labels: { epoch } }];
  });
  metrics.add(
    "gauge",
    "shard_decides",
    "Of each shard of a Redis Cluster, whether it decides for this API: 1 or 0.",
    () => ledger.fence.decides.map((decides, shard) => ({ value: decides ? 1 : 0, labels: { shard } })),
  );
  metrics.add("gauge", "redis_refuses", "Whether Redis refuses what would be new: 1 or 0.", () =>
    one(ledger.fence.isRefused ? 1 : 0),
  );
  metrics.add("gauge", "outbox_batches_max", "So many may wait for the books.", () => one(outboxBatchesMax));

  const shards = metrics.share(() => redis.shards());
  // What the books once had they have, though they do not answer now.
  const lastKept = new Map<number, number>();
  const kept = metrics.share(async () => {
    const cursors = await books.cursors();
    for (const { shard, g } of cursors) lastKept.set(shard, g);
    return cursors;
  });
  const each = (value: (state: ShardState) => number | null) => async (): Promise<Sample[]> =>
    ((await shards()) ?? []).flatMap((state) => {
      const found = value(state);
      return found === null ? [] : [{ value: found, labels: { shard: state.shard } }];
    });
  const sum = (value: (state: ShardState) => number) => async (): Promise<readonly Sample[]> => {
    const states = await shards();
    return states === null ? [] : one(states.reduce((all, state) => all + value(state), 0));
  };
  metrics.add("gauge", "shard_g", "The latest batch, in Redis and in the books.", async () => [
    ...((await shards()) ?? []).map(({ shard, g }) => ({ value: g, labels: { shard, in: "redis" } })),
    ...((await kept()) ?? []).map(({ shard, g }) => ({ value: g, labels: { shard, in: "books" } })),
  ]);
  metrics.add("gauge", "books_lag_batches", "How many batches the books lack.", async () => {
    const cursors = new Map((await kept())?.map(({ shard, g }) => [shard, g]));
    return ((await shards()) ?? []).flatMap(({ shard, g }) => {
      const last = cursors.get(shard);
      return last === undefined ? [] : [{ value: Math.max(0, g - last), labels: { shard } }];
    });
  });
  metrics.add(
    "gauge",
    "books_lag_seconds",
    "The age of the oldest batch in the outbox, while the books lack one; 0 if they have all.",
    async () => {
      await kept();
      // A writer that is killed leaves batches in the outbox that it has kept: these are no lag.
      return each(({ shard, g, oldest }) =>
        oldest === null || (lastKept.get(shard) ?? -1) >= g
          ? 0
          : Math.max(0, Date.now() / 1000 - oldest / 1e6),
      )();
    },
  );
  metrics.add(
    "gauge",
    "outbox_batches",
    "Batches that wait in Redis for the books.",
    each(({ outbox }) => outbox),
  );
  metrics.add(
    "gauge",
    "lost_batches",
    "Whether a batch is gone that was answered: 1 or 0.",
    each(({ isLost }) => (isLost ? 1 : 0)),
  );
  metrics.add(
    "gauge",
    "holds_open",
    "Holds that are open.",
    sum(({ holdsOpen }) => holdsOpen),
  );
  metrics.add(
    "gauge",
    "holds_overdue",
    "Holds that are open though their time has been over for more than 5 s; at most 1,000 a shard.",
    sum(({ holdsOverdue }) => holdsOverdue),
  );
  metrics.add(
    "gauge",
    "parts_open",
    "Parts of transactions across shards that are neither done nor undone yet.",
    each(({ partsOpen }) => partsOpen),
  );
  metrics.add(
    "gauge",
    "parts_oldest_seconds",
    "The age of the oldest of them; 0 if there is none.",
    each(({ oldestPart }) => (oldestPart === null ? 0 : Math.max(0, Date.now() / 1000 - oldestPart / 1e6))),
  );
  metrics.add(
    "gauge",
    "diverged",
    "Whether a writer stopped because outbox and books differ: 1 or 0.",
    async () =>
      ((await kept()) ?? []).map(({ shard, isDiverged }) => ({
        value: isDiverged ? 1 : 0,
        labels: { shard },
      })),
  );
}
