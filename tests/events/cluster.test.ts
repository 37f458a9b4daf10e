import { describe, setDefaultTimeout } from "bun:test";
import { BookJournal } from "../../src/events/book-journal.ts";
import { Cluster } from "../support/cluster.ts";
import { KeptBooks } from "../support/kept-books.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { type EventsUnderTest, eventsSuite } from "./events-suite.ts";

async function start(shards: number): Promise<EventsUnderTest> {
  const cluster = await Cluster.start({ shards });
  const journal = new BookJournal(cluster.databaseUrl, "test of events");
  const books = new KeptBooks(cluster);
  return {
    url: cluster.url,
    shards,
    journal,
    settled: () => books.drained(),
    [Symbol.asyncDispose]: async () => {
      await books.close();
      await journal.close();
      await cluster[Symbol.asyncDispose]();
    },
  };
}

setDefaultTimeout(120_000);

describe.skipIf(serversMissing !== null)("through the balancer", () => {
  eventsSuite("a cluster", () => start(1));
  eventsSuite("a cluster of four shards", () => start(4));
});
