import { ledgerSuite } from "./ledger-suite.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { describeWithRedis, RedisStand } from "../support/redis-under-test.ts";

failOnLeaks();

const clock = "Redis's clock cannot be moved";
const severalShards = {
  keysEverywhere: "a shard remembers the keys that were used on its own accounts",
};

describeWithRedis("RedisLedger", () => {
  for (const shards of [1, 2, 3]) {
    ledgerSuite(
      `Redis, ${shards} shards`,
      async () => {
        const stand = await RedisStand.start({ shards });
        return {
          ledger: await stand.ledger(),
          advanceClock: () => {},
          dispose: () => stand[Symbol.asyncDispose](),
        };
      },
      shards === 1 ? { clock } : { clock, ...severalShards },
    );
  }
});
