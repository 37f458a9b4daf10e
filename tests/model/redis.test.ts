import { afterAll, beforeAll } from "bun:test";
import { modelSuite } from "./model-suite.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { Random, testSeed } from "../support/random.ts";
import { describeWithRedis, RedisStand } from "../support/redis-under-test.ts";

failOnLeaks();

const seed = testSeed();

// Opening again is a new ledger on the same Redis, which may have been killed, and started again, in between; the books
// have kept, and trimmed, some of what was in the outbox. One Redis for all, emptied for each run.
describeWithRedis(`seed ${seed}`, () => {
  let stand: RedisStand;
  beforeAll(async () => {
    stand = await RedisStand.start();
  });
  afterAll(() => stand[Symbol.asyncDispose]());

  modelSuite(
    "RedisLedger",
    async () => {
      await stand.begin();
      const random = new Random(seed);
      let opened = false;
      return {
        open: async () => {
          if (opened && random.chance(20)) await stand.crash();
          if (random.chance(50)) await stand.books.keep(0, random.integer(1, 10));
          opened = true;
          return await stand.ledger();
        },
        [Symbol.asyncDispose]: async () => {},
      };
    },
    { runs: 60, ownClock: "Redis's clock cannot be moved" },
  );
});
