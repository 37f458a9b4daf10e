import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { createClient } from "@redis/client";
import postgres from "postgres";
import { functionLibrary } from "../../src/decide/function-library.ts";
import { BookJournal } from "../../src/events/book-journal.ts";
import { Books } from "../../src/keep/books.ts";
import { initialise } from "../../src/keep/init.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { LedgerSource } from "../support/ledger-source.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { type PostgresServer, startPostgres } from "../support/servers/postgres.ts";
import { type RedisServer, startRedis } from "../support/servers/redis.ts";
import { type JournalUnderTest, journalSourceSuite } from "./journal-source-suite.ts";

setDefaultTimeout(60_000);
failOnLeaks();

describe.skipIf(serversMissing !== null)("the books", () => {
  let server: PostgresServer;
  let redis: RedisServer;

  beforeAll(async () => {
    [server, redis] = await Promise.all([startPostgres(), startRedis()]);
  });
  afterAll(async () => {
    await Promise.all([server.process.dispose(), redis.process.dispose()]);
  });

  async function start(shards = 1): Promise<JournalUnderTest & { readonly databaseUrl: string }> {
    const databaseUrl = await server.emptyDatabase();
    const client = createClient({ url: redis.url });
    await client.connect();
    await client.flushAll();
    client.destroy();
    const servers = { databaseUrl, redisUrl: redis.url };
    const { epoch } = await initialise({ ...servers, shards, library: functionLibrary });
    const source = new LedgerSource(epoch);
    source.began = Date.now() * 1000;
    const books = new Books({ url: databaseUrl, name: "test books", connections_max: 1 });
    const journal = new BookJournal(databaseUrl, "test events");
    return {
      databaseUrl,
      journal,
      source,
      keep: async (...events) => {
        await books.keep(0, [source.close(events)]);
      },
      [Symbol.asyncDispose]: async () => {
        await journal.close();
        await books.close();
      },
    };
  }

  journalSourceSuite("the books", () => start());

  test("each shard has its end", async () => {
    await using subject = await start(2);
    const { journal, source } = subject;
    await subject.keep(source.entry("1", 1));
    expect((await journal.ends()).map(({ shard, g }) => [shard, g])).toEqual([
      [0, 1],
      [1, 0],
    ]);
  });

  test("rows behind the cursor, as a restore has them for a moment, are told by nothing", async () => {
    await using subject = await start();
    const { databaseUrl, journal, source } = subject;
    await subject.keep(source.entry("1", 1));
    const time = (source.began + 1_000_000_000).toString();
    const sql = postgres(databaseUrl, { max: 1 });
    await sql`
      INSERT INTO journal (shard, g, time, events, previous, hash)
      SELECT shard, g + 1, ${time}::text::bigint, events, previous, hash FROM journal WHERE shard = 0 AND g = 1`;
    const place = { shard: 0, g: 2, index: 0 };
    expect((await journal.rows(0, 0, 10)).map(({ g }) => g)).toEqual([0, 1]);
    expect((await journal.ends())[0]?.g).toBe(1);
    expect(await journal.hashesAt([place])).toEqual([null]);
    expect(await journal.eventTexts([place])).toEqual([null]);
    expect(await journal.firstSince(0, Number(time))).toBe(2);
    await sql.end();
  });

  test("batches that a restore found nowhere have its time, and are passed over", async () => {
    await using subject = await start();
    const { databaseUrl, journal, source } = subject;
    await subject.keep(source.entry("1", 1));
    await subject.keep(source.entry("1", 2));
    await subject.keep(source.entry("1", 3));
    const [, first, , third] = await journal.rows(0, 0, 10);
    const sql = postgres(databaseUrl, { max: 1 });
    await sql`UPDATE journal SET time = time + 3600000000, events = ARRAY['m 1 2 2'] WHERE shard = 0 AND g = 2`;
    await sql.end();
    expect(await journal.firstSince(0, (first?.time ?? 0) + 1)).toBeOneOf([2, 3]);
    expect(await journal.firstSince(0, third?.time ?? 0)).toBeOneOf([2, 3]);
    expect(await journal.firstSince(0, (third?.time ?? 0) + 1)).toBe(4);
  });

  test("nobody looks while nobody listens", async () => {
    await using subject = await start();
    const { databaseUrl, journal, source } = subject;
    const sql = postgres(databaseUrl, { max: 1 });
    const looks = async () => {
      const [row] = await sql`SELECT sum(calls) AS calls FROM (
        SELECT count(*) AS calls FROM pg_stat_activity WHERE application_name = 'test events') AS a`;
      return Number(row?.["calls"]);
    };
    await subject.keep(source.entry("1", 1));
    // Who looked before may not have left yet.
    await eventually("nobody looks", async () => (await looks()) === 0);
    let calls = 0;
    const stop = journal.onKept(() => (calls += 1));
    await eventually("it is called", () => calls > 0);
    await eventually("one looks", async () => (await looks()) === 1);
    stop();
    await sql.end();
  });

  test("after PostgreSQL was away it goes on, and tells what came meanwhile", async () => {
    await using subject = await start();
    const { journal, source } = subject;
    let calls = 0;
    const stop = journal.onKept(() => (calls += 1));
    await subject.keep(source.entry("1", 1));
    await eventually("it is called", () => calls > 0);
    await server.process.kill();
    const before = calls;
    expect(journal.ends()).rejects.toMatchObject({ name: "LedgerUnavailable", outcome: "none" });
    await server.process.start();
    await eventually("it can be read", async () => (await journal.rows(0, 1, 1)).length === 1);
    await eventually("it is called", () => calls > before);
    stop();
  });
});
