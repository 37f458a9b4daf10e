import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { BookJournal } from "../../src/events/book-journal.ts";
import { Cluster } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { Random, testSeed } from "../support/random.ts";
import { KeptBooks } from "../support/kept-books.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { Follower } from "../support/followers/event-client.ts";
import { byShard, keptEvents } from "./support/kept-events.ts";
import { decideSome, openAccounts } from "./support/mixed-load.ts";

setDefaultTimeout(240_000);
failOnLeaks();

describe.skipIf(serversMissing !== null)("readers of a cluster", () => {
  const seed = testSeed();
  test(`have the journal at the end, nothing else and nothing twice, whatever is killed or frozen meanwhile (seed ${seed})`, async () => {
    const random = new Random(seed);
    await using cluster = await Cluster.start({ shards: 2, durable: true });
    await openAccounts(cluster.url);
    // Before that, the API that is killed may not be the one that they come to.
    await cluster.balanced();
    const readers = [
      ...Array.from({ length: 4 }, () => new Follower(() => cluster.url)),
      new Follower(
        () => cluster.url,
        "",
        () => random.integer(1, 30_000),
      ),
    ];
    const over = new AbortController();
    const load = (async () => {
      while (!over.signal.aborted) await decideSome(cluster.url, random, 20);
    })();
    await eventually("all follow", () => readers.every(({ events }) => events.length > 0));
    const faults = [
      // The last API is the one that has the readers.
      async () => {
        await cluster.apis[1]?.kill();
        await Bun.sleep(1_000);
        await cluster.apis[1]?.start();
      },
      async () => {
        await cluster.writers[0]?.kill();
        await Bun.sleep(500);
        await cluster.writers[0]?.start();
      },
      async () => {
        await cluster.postgres.process.kill();
        await Bun.sleep(1_000);
        await cluster.postgres.process.start();
      },
      async () => {
        cluster.redis.process.signal("SIGSTOP");
        await Bun.sleep(1_000);
        cluster.redis.process.signal("SIGCONT");
      },
      // In order, as where a new version is put in place.
      async () => {
        await cluster.apis[1]?.stop();
        await cluster.apis[1]?.start();
      },
    ];
    for (const fault of faults) {
      await fault();
      await Bun.sleep(1_500);
    }
    over.abort();
    await load;
    const journal = new BookJournal(cluster.databaseUrl, "test of events");
    const books = new KeptBooks(cluster);
    await books.drained();
    await books.close();
    const kept = (await keptEvents(journal)).map((events) => events.map(({ id }) => id));
    const count = kept.flat().length;
    expect(count).toBeGreaterThan(200);
    await eventually("it was told", () => readers.every(({ events }) => events.length >= count));
    for (const reader of readers) expect(byShard(reader.ids, 2)).toEqual(kept);
    // By the API that died and the one that was stopped.
    expect(Math.min(...readers.map(({ returns }) => returns))).toBeGreaterThanOrEqual(1);
    await Promise.all(readers.map((reader) => reader.stop()));
    await journal.close();
  });
});
