import { afterAll, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { RedisClient } from "bun";
import type { Batch } from "../../src/carry/batch.ts";
import { Feed } from "../../src/carry/feed.ts";
import { readStream } from "../../src/carry/read-stream.ts";
import { functionLibrary } from "../../src/decide/function-library.ts";
import { shardOf } from "../../src/ledger/account-id.ts";
import { Books } from "../../src/keep/books.ts";
import { connectPostgres, type Sql } from "../../src/keep/postgres-client.ts";
import { initialise } from "../../src/keep/init.ts";
import { journalFaults, journalOf } from "../support/kept-journal.ts";
import { LedgerSource, putInOutbox } from "../support/ledger-source.ts";
import { Servers } from "../support/writer-under-test.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { serversMissing } from "../support/servers/binaries.ts";

failOnLeaks();
setDefaultTimeout(180_000);

const MAIN = join(import.meta.dir, "../../src/cli/main.ts");
const SHARDS = 2;
/** A moment that is not longer ago than keys are remembered. */
const JUST_NOW = Date.now() * 1000;
const AN_HOUR = 3600;

/**
 * Books that lag by half of what the feed has, and a Redis that is empty: made once, and copied for each test. No
 * APIs and no writer run, so that only the restore changes anything.
 */
describe.skipIf(serversMissing !== null)("a restore that is interrupted", () => {
  let servers: Servers;
  let redis: RedisClient;
  let template: string;
  let databaseUrl: string;
  let epoch: string;
  let copies = 0;

  beforeAll(async () => {
    servers = await Servers.start();
    redis = new RedisClient(servers.redis.url);
    template = await servers.postgres.createDatabase();
    ({ epoch } = await initialise({
      databaseUrl: template,
      redisUrl: servers.redis.url,
      shards: SHARDS,
      library: functionLibrary,
    }));
    const feed = new Feed({ url: servers.nats.url, name: "test" });
    const books = new Books({ url: template, name: "test", connections_max: 1 });
    let published = 0;
    for (const shard of [0, 1]) {
      const source = new LedgerSource(epoch, shard);
      const batches = makeBatches(source);
      await books.keep(shard, batches.slice(0, batches.length / 2));
      for (const batch of batches) feed.publish(batch);
      published += batches.length;
    }
    await books.close();
    await eventually("the stream has them", async () => {
      let found = 0;
      await readStream(servers.nats.url, () => (found += 1));
      if (found < published)
        for (const shard of [0, 1])
          for (const batch of makeBatches(new LedgerSource(epoch, shard))) feed.publish(batch);
      return found >= published;
    });
    await feed.close();
  });
  afterAll(async () => {
    redis.close();
    await servers.dispose();
  });

  /** Of the accounts of the start those of the shard; each shard opens some. */
  function makeBatches(source: LedgerSource): Batch[] {
    const { shard } = source;
    const letters = Array.from({ length: 26 }, (_, letter) => String.fromCodePoint(97 + letter));
    const onShard = (id: string) => shardOf(id, SHARDS) === shard;
    const own = ["1", "2", "3", "4", "5"].filter(onShard);
    return Array.from({ length: 200 }, (_, index) => {
      // Keys are remembered from this one on, and it is too long ago for the ids of requests.
      if (index === 35) source.began = JUST_NOW - AN_HOUR * 1_000_000;
      const at = source.began + (source.g + 1) * 10_000;
      // Every second one with the name of an access key: it is under its key all the same.
      const named = index % 20 === 15 ? "shop/" : "";
      if (index % 10 === 5)
        return source.close([`x ${at} limit-exceeded/1 ${named}key:x-${shard}-${index} content`]);
      if (index % 10 !== 0) return source.batch(own[index % own.length] ?? "", 30, -10, 5);
      const account = letters.map((letter) => `${letter}${index}`).find(onShard) ?? "";
      return source.close([
        source.open(account, 100, `name ${index}`),
        source.limit(account, 200),
        source.entry(account, 1),
      ]);
    });
  }

  beforeEach(begin);

  async function begin(): Promise<void> {
    const maintenance = connectPostgres({ url: servers.postgres.url, name: "test", connections_max: 1 });
    const [name, copy] = [template.slice(template.lastIndexOf("/") + 1), `copy_${(copies += 1)}`];
    await eventually("the template is not in use", async () => {
      await maintenance.unsafe(`CREATE DATABASE ${copy} TEMPLATE ${name}`);
      return true;
    });
    await maintenance.end();
    databaseUrl = template.replace(name, copy);
    await redis.send("FLUSHALL", []);
    await redis.send("FUNCTION", ["FLUSH"]);
  }

  function start(...flags: readonly string[]) {
    return startWith("relaxed", ...flags);
  }

  function startWith(DURABILITY: "strict" | "relaxed", ...flags: readonly string[]) {
    const { redis: redisServer, nats } = servers;
    const urls = { DATABASE_URL: databaseUrl, REDIS_URL: redisServer.url, NATS_URL: nats.url };
    return Bun.spawn([process.execPath, MAIN, "restore", "--json", ...flags], {
      env: { ...process.env, ...urls, DURABILITY },
      stdio: ["ignore", "pipe", "pipe"],
    });
  }

  async function complete(): Promise<string> {
    const child = start("--yes");
    const [code, output, errors] = await Promise.all([
      child.exited,
      child.stdout.text(),
      child.stderr.text(),
    ]);
    if (code !== 0) throw new Error(errors);
    return output;
  }

  async function inBooks<Result>(look: (sql: Sql) => Promise<Result>): Promise<Result> {
    const sql = connectPostgres({ url: databaseUrl, name: "test", connections_max: 1 });
    try {
      return await look(sql);
    } finally {
      await sql.end();
    }
  }

  /** All that there is in Redis and in the books, but for the epoch, which is another one each time. */
  async function everything() {
    const keys = (await redis.keys("*")).toSorted();
    const entries = keys.map(async (key) => {
      const type = String(await redis.send("TYPE", [key]));
      const read = { hash: "HGETALL", zset: "ZRANGE", string: "GET" }[type] ?? "EXISTS";
      return [
        key,
        await redis.send(read, read === "ZRANGE" ? [key, "0", "-1", "WITHSCORES"] : [key]),
      ] as const;
    });
    const books = await inBooks(async (sql) => ({
      accounts: [...(await sql`SELECT * FROM accounts ORDER BY account`)],
      entries: [...(await sql`SELECT * FROM entries ORDER BY account, seq`)],
      limits: [...(await sql`SELECT * FROM limits ORDER BY account, version`)],
      cursors: [...(await sql`SELECT * FROM cursors ORDER BY shard`)],
      journal: await journalOf(sql),
      faults: await journalFaults(sql),
      loaded: [...(await sql`SELECT loaded, shards FROM system`)],
      restores: [...(await sql`SELECT finished_at IS NOT NULL AS finished FROM restores`)],
    }));
    const [system] = await inBooks((sql) => sql<{ epoch: string }[]>`SELECT epoch FROM system`);
    const text = JSON.stringify({ redis: Object.fromEntries(await Promise.all(entries)), books });
    return text.replaceAll(system?.epoch ?? "none", "EPOCH");
  }

  /** How far a restore has come. */
  async function place(): Promise<string> {
    const [state] = await inBooks((sql) => sql<{ loaded: boolean }[]>`SELECT loaded FROM system`);
    return `${state?.loaded} ${await redis.exists("razonete:{0}:head")}`;
  }

  const reportOf = (output: string) => ({ ...JSON.parse(output), epoch: "" });

  test("a PostgreSQL that may lose what it commits: it refuses, and changes nothing", async () => {
    const before = await everything();
    const child = startWith("strict", "--yes");
    expect(await child.exited).toBe(1);
    expect(await child.stderr.text()).toMatch(
      /^razonete: PostgreSQL may lose what it has committed: set fsync on \(it is off\), or DURABILITY=relaxed\.\n$/,
    );
    expect(await everything()).toBe(before);
  });

  test("killed at any moment and run again, it ends the same, and says the same of what is missing", async () => {
    const began = performance.now();
    const output = await complete();
    const milliseconds = performance.now() - began;
    const undisturbed = await everything();
    expect(undisturbed).toContain("name 190");
    expect(undisturbed).toContain('"faults":[]');
    // Those of the latest day, from the books and from the feed.
    const refused = (await redis.keys("razonete:*:key:x-*")).toSorted();
    expect(refused).toEqual(
      [0, 1]
        .flatMap((shard) =>
          Array.from({ length: 17 }, (_, n) => `razonete:{${shard}}:key:x-${shard}-${35 + 10 * n}`),
        )
        .toSorted(),
    );
    expect(await redis.get(refused[0] ?? "")).toBe("content\n!limit-exceeded/1");
    expect(await redis.ttl(refused[0] ?? "")).toBeWithin(86_400 - AN_HOUR - 600, 86_401 - AN_HOUR);
    expect(reportOf(output)).toMatchObject({
      shards: [
        { fromFeed: 100, lastG: 200 },
        { fromFeed: 100, lastG: 200 },
      ],
    });

    const places = new Set<string>();
    for (let round = 0; round < 14; round += 1) {
      await begin();
      const untouched = await place();
      const child = start("--yes");
      // The first is killed before it has changed anything, the second as soon as it has, the others anywhere.
      if (round === 1) await eventually("it has begun", async () => (await place()) !== untouched);
      else await Bun.sleep((milliseconds * round) / 13);
      child.kill("SIGKILL");
      await child.exited;
      places.add(await place());
      const again = await complete();
      expect(await everything()).toBe(undisturbed);
      if (reportOf(again).type === "restored") expect(reportOf(again)).toEqual(reportOf(output));
    }
    // It was killed in different places.
    expect(places.size).toBeGreaterThan(1);
  }, 400_000);

  test("between the books and Redis: init refuses and names it, and the next restore goes on", async () => {
    const output = await complete();
    const undisturbed = await everything();
    await inBooks(async (sql) => {
      await sql`UPDATE system SET loaded = false`;
      await sql`UPDATE restores SET finished_at = NULL`;
    });
    await redis.send("DEL", ["razonete:{1}:head", "razonete:{0}:account:2"]);
    expect(
      initialise({ databaseUrl, redisUrl: servers.redis.url, shards: null, library: functionLibrary }),
    ).rejects.toThrow("a restore of this ledger was begun and not finished: run razonete restore.");
    expect(JSON.parse(await complete())).toEqual(JSON.parse(output));
    expect(await everything()).toBe(undisturbed);
  });

  test("late keeps of a writer of the epoch before are refused by the books", async () => {
    const [late] = makeBatches(new LedgerSource(epoch, 0)).slice(199);
    if (late === undefined) throw new Error("no batch");
    await complete();
    const books = new Books({ url: databaseUrl, name: "test", connections_max: 1 });
    try {
      const before = await everything();
      // It is where the writer believes the cursor to be that decides which of the two refusals it gets.
      expect(books.keep(0, [{ ...late, g: 201 }])).rejects.toThrow(/the books are not of epoch/);
      expect(await books.keep(0, [late])).toMatchObject({ type: "kept", entries: 0, lastG: 200 });
      await books.noteSeen(epoch, 0, 999);
      expect(await everything()).toBe(before);
    } finally {
      await books.close();
    }
  });

  test("batches that nothing holds, and events that cannot be kept: the journal has what the tables are made of", async () => {
    const source = new LedgerSource(epoch, 0);
    makeBatches(source);
    const gone = source.batch("2", 7);
    // More than goes into the books at once.
    const fits = source.batch("4", ...Array.from({ length: 5_000 }, () => 7));
    const unfit = source.batch("2", 1);
    const refusal = `x ${JUST_NOW} account-unknown key:late ["content"]`;
    const mixed = source.close([source.entry("2", 1), refusal, source.entry("4", 1)]);
    const head = "razonete:{0}:head";
    await redis.send("HSET", [head, "epoch", epoch]);
    await putInOutbox(redis, [fits, unfit, mixed]);
    await redis.send("HSET", [head, "g", String(mixed.g + 2)]);
    const { missing } = JSON.parse(await complete());
    expect(missing).toMatchObject({
      batches: [
        { shard: 0, from: gone.g, to: gone.g },
        { shard: 0, from: mixed.g + 1, to: mixed.g + 2 },
      ],
      accounts: [{ account: "2" }],
      transits: [],
    });
    const rows = await inBooks(journalOf);
    const late = rows.filter(({ shard, g }) => shard === 0 && g >= gone.g);
    expect(late.map(({ g, events }) => [g, events])).toEqual([
      [gone.g, [expect.stringMatching(/^m \d{16} 201 201$/)]],
      [fits.g, [...fits.events]],
      [unfit.g, []],
      // What stands behind an event that cannot be kept stays in its place.
      [
        mixed.g,
        [expect.stringMatching(new RegExp(`^m \\d{16} ${mixed.g} ${mixed.g}$`)), ...mixed.events.slice(1)],
      ],
      [mixed.g + 2, [expect.stringMatching(/^m \d{16} 205 206$/)]],
    ]);
    for (const { time } of [late[0], late[2]].filter((row) => row !== undefined))
      expect(time).toBeWithin(JUST_NOW, Date.now() * 1000);
    expect(await inBooks(journalFaults)).toEqual([]);
    expect(await redis.get("razonete:{0}:key:late")).toBe('["content"]\n!account-unknown');
  });

  test("Redis is emptied of all that it remembered: what it knows afterwards is what the books know", async () => {
    await redis.send("HSET", ["razonete:{1}:head", "epoch", epoch, "g", "7"]);
    const keys = ["razonete:{1}:key:refused", "razonete:{1}:key:accepted"] as const;
    await redis.send("SET", [keys[0], "content\n!limit-exceeded/1"]);
    await redis.send("SET", [keys[1], '["content"]\n=c 1 99 1 1 1 1 key:accepted x']);
    await redis.send("SET", ["somebody:else", "!"]);
    await complete();
    expect(await Promise.all(keys.map((key) => redis.exists(key)))).toEqual([false, false]);
    expect(await redis.exists("somebody:else")).toBe(true);
    expect(await redis.exists("razonete:{1}:key:x-1-35")).toBe(true);
  });
});
