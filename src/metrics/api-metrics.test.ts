import { expect, test } from "bun:test";
import { addApi } from "./api-metrics.ts";
import { Metrics } from "./registry.ts";

test("what the books have is no lag, though it is still in the outbox, or they do not answer", async () => {
  let g = 5;
  let cursors: readonly { shard: number; g: number; isDiverged: boolean }[] | null = null;
  const metrics = new Metrics();
  addApi(metrics, {
    ledger: { fence: { isOpen: true, isRefused: false, epoch: "e", decides: [] } },
    readiness: () => ({ ready: true }),
    redis: {
      shards: async () => [
        {
          shard: 0,
          epoch: "e",
          g,
          outbox: 2,
          oldest: (Date.now() - 60_000) * 1000,
          isLost: false,
          holdsOpen: 0,
          holdsOverdue: 0,
          partsOpen: 1,
          oldestPart: (Date.now() - 90_000) * 1000,
        },
      ],
    },
    books: {
      cursors: async () => {
        if (cursors === null) throw new Error("PostgreSQL is away");
        return cursors;
      },
    },
    outboxBatchesMax: 10,
  });
  const lag = async () =>
    Math.floor(Number(/^razonete_books_lag_seconds\{shard="0"\} (\S+)$/m.exec(await metrics.text())?.[1]));
  // Nobody knows what they have.
  expect(await lag()).toBeGreaterThanOrEqual(60);
  cursors = [{ shard: 0, g: 5, isDiverged: false }];
  expect(await lag()).toBe(0);
  cursors = null;
  expect(await lag()).toBe(0);
  g = 6;
  expect(await lag()).toBeGreaterThanOrEqual(60);
  const text = await metrics.text();
  expect(text).toContain('razonete_parts_open{shard="0"} 1\n');
  expect(Math.floor(Number(/^razonete_parts_oldest_seconds\{shard="0"\} (\S+)$/m.exec(text)?.[1]))).toBe(90);
});

test("which shards decide is told of a Redis Cluster, and of one Redis nothing", async () => {
  let decides: readonly boolean[] = [];
  const metrics = new Metrics();
  addApi(metrics, {
    ledger: {
      get fence() {
        return { isOpen: true, isRefused: false, epoch: "e", decides };
      },
    },
    readiness: () => ({ ready: true }),
    redis: { shards: async () => [] },
    books: { cursors: async () => [] },
    outboxBatchesMax: 10,
  });
  const told = async () =>
    [...(await metrics.text()).matchAll(/^razonete_shard_decides(\S* \S+)$/gm)].map(([, value]) => value);
  expect(await told()).toEqual([]);
  decides = [true, false];
  expect(await told()).toEqual(['{shard="0"} 1', '{shard="1"} 0']);
});
