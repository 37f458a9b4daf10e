import { afterAll, beforeAll } from "bun:test";
import { z } from "zod";
import { headKey } from "../../src/decide/redis-client.ts";
import type { Micros } from "../../src/ledger/account.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { Random, testSeed } from "../support/random.ts";
import { describeWithRedis, RedisStand } from "../support/redis-under-test.ts";
import { modelSuite } from "./model-suite.ts";
import type { LedgerPlace } from "./run.ts";

failOnLeaks();

const seed = testSeed();
const DAY: Micros = 24 * 60 * 60 * 1_000_000;

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
      return placeOn(stand);
    },
    { runs: 60, forgetsByOwnClock: "a key expires by Redis's own clock, which cannot be moved" },
  );
});

function placeOn(stand: RedisStand): LedgerPlace {
  const random = new Random(seed);
  let opened = false;
  let time: Micros = 0;
  return {
    openedAt: 0,
    open: async () => {
      if (opened && random.chance(20)) await stand.crash();
      if (random.chance(50)) await stand.books.keep(0, random.integer(1, 10));
      opened = true;
      return stand.ledger();
    },
    // The time of a shard never goes back: from this one on it stands still, ahead of Redis's clock.
    tellTime: async (now) => {
      if (now <= time) return;
      await stand.command(["HSET", headKey(0), "time", String(now)]);
      if (time !== 0 && now - time >= DAY) await forgetOld(stand);
      time = now;
    },
    catchUp: () => keepAll(stand),
    isOutOfTurn: (command) => command.type === "reversal" || command.type === "change",
    [Symbol.asyncDispose]: async () => {},
  };
}

/** As when a day has passed, in which the writer has kept everything: what is set to expire is gone. */
async function forgetOld(stand: RedisStand): Promise<void> {
  await keepAll(stand);
  const keys = z.array(z.string()).parse(await stand.command(["KEYS", "*"]));
  for (const key of keys)
    if (Number(await stand.command(["TTL", key])) > 0) await stand.command(["DEL", key]);
}

/** As a writer does that is not behind: the lists know that a hold is due once a sweep has ended it. */
async function keepAll(stand: RedisStand): Promise<void> {
  await stand.call("razonete_sweep", [stand.books.epoch, "0", "100000"]);
  await stand.books.keep(0, Number.MAX_SAFE_INTEGER);
}
