import { ledgerSuite } from "./ledger-suite.ts";
import { movesSuite } from "./moves-suite.ts";
import type { LedgerUnderTest } from "../support/ledger/commands.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { describeWithRedis, RedisStand } from "../support/redis-under-test.ts";

failOnLeaks();

const clock = "Redis's clock cannot be moved";
const severalShards = {
  keysEverywhere: "a shard remembers the keys that were used on its own accounts",
};
const KEEP_MILLISECONDS = 5;
const KEEP_BATCHES = 1_000;

describeWithRedis("RedisLedger", () => {
  for (const shards of [1, 2, 3])
    ledgerSuite(
      `Redis, ${shards} shards`,
      () => start(shards),
      shards === 1 ? { clock } : { clock, ...severalShards },
    );
  movesSuite("Redis", () => start(1), { clock });
  movesSuite("Redis, 3 shards", () => start(3), { clock, ...severalShards });
  movesSuite("Redis, accounts on 3 shards", () => start(3), {
    clock,
    ...severalShards,
    together: "accounts of an atomic batch are on one shard",
  });
});

/** With a writer that is never far behind, and sweeps. */
async function start(shards: number): Promise<LedgerUnderTest> {
  const stand = await RedisStand.start({ shards });
  const state = { ended: false };
  const keeping = (async () => {
    while (!state.ended) {
      for (let shard = 0; shard < shards; shard += 1) {
        await stand.call("razonete_sweep", [stand.books.epoch, "0", "1000"], shard);
        await stand.books.keep(shard, KEEP_BATCHES);
      }
      await Bun.sleep(KEEP_MILLISECONDS);
    }
  })();
  return {
    ledger: await stand.ledger(),
    events: async () => {
      for (let shard = 0; shard < shards; shard += 1)
        while ((await stand.outbox(shard)).length > 0) await Bun.sleep(KEEP_MILLISECONDS);
      return Array.from({ length: shards }, (_, shard) => stand.books.events(shard)).flat();
    },
    advanceClock: () => {},
    dispose: async () => {
      state.ended = true;
      await keeping;
      await stand[Symbol.asyncDispose]();
    },
  };
}
