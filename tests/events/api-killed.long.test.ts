import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { BookJournal } from "../../src/events/book-journal.ts";
import { Cluster } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { Random, testSeed } from "../support/random.ts";
import { KeptBooks } from "../support/kept-books.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { Follower, type Told } from "../support/followers/event-client.ts";
import { byShard, keptEvents } from "./support/kept-events.ts";
import { decideSome, openAccounts } from "./support/mixed-load.ts";

failOnLeaks();
setDefaultTimeout(120_000);

const READERS = 50;
const SHARDS = 2;

describe.skipIf(serversMissing !== null)(
  "the API that tells events of a cluster is killed under load",
  () => {
    const seed = testSeed();
    test(`again and again: 50 readers go on by the id that they saw last, without a gap (seed ${seed})`, async () => {
      await using cluster = await Cluster.start({ shards: SHARDS });
      const { url } = cluster;
      await cluster.balanced();
      await openAccounts(url);
      const queries = ["", "type=transaction.created", "account={a}1"];
      const readers = Array.from({ length: READERS }, (_, n) => new Follower(() => url, queries[n % 3]));
      const over = new AbortController();
      const random = new Random(seed);
      const load = (async () => {
        while (!over.signal.aborted) await decideSome(url, random, 20);
      })();
      const more = async (): Promise<void> => {
        const before = readers.map(({ events }) => events.length);
        await eventually("each is told more", () =>
          readers.every(({ events }, n) => events.length > (before[n] ?? 0)),
        );
      };
      await more();
      // Those who are cut off go to the other one, and stay there when this one is back.
      for (const [round, index] of [1, 0, 1].entries()) {
        await cluster.apis[index]?.kill();
        await eventually("all were cut off", () => readers.every(({ returns }) => returns > round));
        await more();
        await cluster.apis[index]?.start();
        await cluster.balanced();
      }
      over.abort();
      await load;
      const journal = new BookJournal(cluster.databaseUrl, "test of events");
      const books = new KeptBooks(cluster);
      await books.drained();
      await books.close();
      const kept = (await keptEvents(journal)).map((events) => events.map(({ id }) => id));
      const count = kept.flat().length;
      const all = readers.filter((_, n) => n % 3 === 0);
      await eventually("it was told", () => all.every(({ events }) => events.length >= count));
      for (const reader of all) expect(byShard(reader.ids, SHARDS)).toEqual(kept);
      const told = readers[0]?.events ?? [];
      for (const [n, reader] of readers.entries()) {
        if (n % 3 === 0) continue;
        const isWanted = ({ type, data }: Told): boolean =>
          n % 3 === 1 ? type === "transaction.created" : JSON.stringify(data).includes('"{a}1"');
        const wanted = told.filter(isWanted).map(({ id }) => id);
        await eventually("it has its own", () => reader.events.length >= wanted.length);
        expect(byShard(reader.ids, SHARDS)).toEqual(byShard(wanted, SHARDS));
      }
      await Promise.all(readers.map((reader) => reader.stop()));
      await journal.close();
    });
  },
);
