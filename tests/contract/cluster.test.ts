import { afterAll, describe } from "bun:test";
import { Feed } from "../../src/carry/feed.ts";
import { RedisLedger } from "../../src/decide/redis-ledger.ts";
import { Books } from "../../src/keep/books.ts";
import { ledgerSuite } from "./ledger-suite.ts";
import { httpSuite } from "../http/http-suite.ts";
import { Cluster } from "../support/cluster.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { failOnLeaks } from "../support/leaks.ts";

failOnLeaks();

describe.skipIf(serversMissing !== null)("the cluster", () => {
  httpSuite("through HAProxy, with two APIs", async () => {
    const cluster = await Cluster.start();
    return { url: cluster.url, fresh: true, stop: () => cluster[Symbol.asyncDispose]() };
  });

  let shared: Cluster | null = null;
  afterAll(async () => shared?.[Symbol.asyncDispose]());

  ledgerSuite(
    "Redis, NATS, a writer and PostgreSQL",
    async () => {
      if (shared === null) shared = await Cluster.start({ apis: 0 });
      else await shared.beginAnew();
      const cluster = shared;
      const books = new Books({ url: cluster.databaseUrl, name: "test", connections_max: 2 });
      const feed = new Feed({ url: cluster.nats.url, name: "test" });
      // The books' server is one without fsync.
      const options = { durable: false, outboxBatchesMax: 1000, balancerResends: false };
      const ledger = new RedisLedger({ redisUrl: cluster.redis.url, books, feed, ...options });
      while (!ledger.readiness().ready) await Bun.sleep(5);
      return {
        ledger,
        events: () => Promise.reject(new Error("the suite of moves asks for them, which is not run here")),
        advanceClock: () => {},
        dispose: async () => {
          await ledger.close();
          await Promise.all([books.close(), feed.close()]);
        },
      };
    },
    { clock: "forgetting a key after a day is not tested here: Redis's clock cannot be moved" },
  );
});
