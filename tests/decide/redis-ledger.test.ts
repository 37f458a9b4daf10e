import { createClient } from "@redis/client";
import type { BooksReader } from "../../src/decide/neighbours.ts";
import { RedisLedger } from "../../src/decide/redis-ledger.ts";
import { headKey } from "../../src/decide/redis-link.ts";
import { INITIAL_CREDIT_LIMITS } from "../../src/ledger/account.ts";
import functions from "../../src/decide/ledger.lua" with { type: "text" };
import { ledgerSuite } from "../contract/ledger-suite.ts";
import { startRedis } from "../support/servers/redis.ts";

/** Books to which nothing has come yet: all that is not in Redis is missing. */
const emptyBooks: BooksReader = {
  fence: async () => ({ epoch: "test", loaded: true, shards: 1, lastG: [0] }),
  history: async () => ({ entries: [], keptSeq: 0 }),
};

ledgerSuite(
  "Redis, with empty books",
  async () => {
    const redis = await startRedis();
    const client = createClient({ url: redis.url });
    await client.connect();
    await client.sendCommand(["FUNCTION", "LOAD", "REPLACE", functions]);
    const accounts = INITIAL_CREDIT_LIMITS.flatMap((limit, index) => [
      String(index + 1),
      String(limit),
      "0",
      "0",
      "0",
      "",
    ]);
    await client.sendCommand([
      "FCALL",
      "razonete_begin",
      "1",
      headKey(0),
      "test",
      "1",
      "0",
      "6",
      ...accounts,
    ]);
    client.destroy();
    const ledger = new RedisLedger({
      redisUrl: redis.url,
      books: emptyBooks,
      feed: { publish: () => {} },
      outboxBatchesMax: 100_000,
      durable: true,
      balancerResends: false,
    });
    await untilReady(ledger);
    return {
      ledger,
      advanceClock: () => {},
      dispose: async () => {
        await ledger.close();
        await redis.process.dispose();
      },
    };
  },
  { clock: "forgetting a key after a day is not tested here: Redis's clock cannot be moved" },
);

async function untilReady(ledger: RedisLedger): Promise<void> {
  for (let attempt = 0; attempt < 500; attempt += 1) {
    const state = ledger.readiness();
    if (state.ready) return;
    await Bun.sleep(10);
  }
  throw new Error(JSON.stringify(ledger.readiness()));
}
