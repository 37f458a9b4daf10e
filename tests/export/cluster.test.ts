import { describe } from "bun:test";
import { Feed } from "../../src/carry/feed.ts";
import { RedisLedger } from "../../src/decide/redis-ledger.ts";
import { BookJournal } from "../../src/events/book-journal.ts";
import { Books } from "../../src/keep/books.ts";
import { Cluster } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { exportSuite, runExport } from "./export-suite.ts";

failOnLeaks();

const SHARDS = 2;

describe.skipIf(serversMissing !== null)("the cluster", () => {
  exportSuite("a cluster of two shards", async () => {
    const cluster = await Cluster.start({ apis: 0, shards: SHARDS });
    const books = new Books({ url: cluster.databaseUrl, name: "test", connections_max: 2 });
    const feed = new Feed({ url: cluster.nats.url, name: "test" });
    const options = { durable: false, outboxBatchesMax: 1000, balancerResends: false };
    const ledger = new RedisLedger({ redisUrl: cluster.redis.url, books, feed, ...options });
    await eventually("the ledger is ready", () => ledger.readiness().ready);
    const journal = new BookJournal(cluster.databaseUrl, "test events");
    return {
      ledger,
      journal,
      kept: () =>
        eventually("all is in the books", async () => {
          for (let shard = 0; shard < SHARDS; shard += 1)
            if ((await cluster.redisCommand("XLEN", `razonete:{${shard}}:outbox`)) !== 0) return false;
          return true;
        }),
      command: (...flags) => runExport({ DATABASE_URL: cluster.databaseUrl }, ...flags),
      [Symbol.asyncDispose]: async () => {
        await journal.close();
        await ledger.close();
        await Promise.all([feed.close(), books.close()]);
        await cluster[Symbol.asyncDispose]();
      },
    };
  });
});
