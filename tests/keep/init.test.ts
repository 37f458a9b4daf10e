import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  setDefaultTimeout,
  test,
} from "bun:test";
import { join } from "node:path";
import { RedisClient } from "bun";
import { functionLibrary } from "../../src/decide/function-library.ts";
import { Books } from "../../src/keep/books.ts";
import { connectPostgres, type Sql } from "../../src/keep/postgres-client.ts";
import { initialise } from "../../src/keep/init.ts";
import { migrate } from "../../src/keep/migrate.ts";
import { StartError } from "../../src/errors.ts";
import { journalFaults, journalOf } from "../support/kept-journal.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { type PostgresServer, startPostgres } from "../support/servers/postgres.ts";
import { type RedisServer, startRedis } from "../support/servers/redis.ts";
import { LedgerSource, putInOutbox } from "../support/ledger-source.ts";

setDefaultTimeout(60_000);

describe.skipIf(serversMissing !== null)("razonete init", () => {
  let postgresServer: PostgresServer;
  let redisServer: RedisServer;
  let databaseUrl: string;
  let sql: Sql;
  let redis: RedisClient;

  beforeAll(async () => {
    [postgresServer, redisServer] = await Promise.all([startPostgres(), startRedis()]);
  });

  afterAll(async () => {
    await Promise.all([postgresServer.process.dispose(), redisServer.process.dispose()]);
  });

  beforeEach(async () => {
    databaseUrl = await postgresServer.emptyDatabase();
    sql = connectPostgres({ url: databaseUrl, name: "test", connections_max: 1 });
    redis = new RedisClient(redisServer.url);
    await redis.send("FLUSHALL", []);
    await redis.send("FUNCTION", ["FLUSH"]);
  });

  afterEach(async () => {
    redis.close();
    await sql.end();
  });

  const init = (
    shards: number | null = null,
    settings: { readonly initialAccounts?: boolean; readonly keyHours?: number | null } = {},
  ) =>
    initialise({
      databaseUrl,
      redisUrl: redisServer.url,
      shards,
      library: functionLibrary,
      ...settings,
    });

  /** All that there is, in Redis and in the books. */
  async function everything() {
    const keys = (await redis.keys("*")).toSorted();
    return {
      redis: await Promise.all(
        keys.map(async (key) => [key, await (key.endsWith(":head") ? redis.hgetall(key) : redis.get(key))]),
      ),
      system: [...(await sql`SELECT * FROM system`)],
      cursors: [...(await sql`SELECT * FROM cursors ORDER BY shard`)],
      accounts: [...(await sql`SELECT * FROM accounts ORDER BY account`)],
      limits: [...(await sql`SELECT * FROM limits ORDER BY account, version`)],
      journal: await journalOf(sql),
    };
  }

  test("makes books and Redis with the five accounts; again it changes nothing", async () => {
    const begun = await init();
    expect(begun).toMatchObject({ type: "begun", shards: 1 });
    const before = await everything();
    expect(before.system).toMatchObject([{ epoch: begun.epoch, shards: 1, loaded: true }]);
    expect(before.cursors).toMatchObject([{ shard: 0, last_g: 0 }]);
    expect(before.accounts.map(({ credit_limit }) => Number(credit_limit))).toEqual([
      100_000, 80_000, 1_000_000, 10_000_000, 500_000,
    ]);
    expect(before.limits).toHaveLength(5);
    const at = Number(before.accounts[0]?.["opened_at"]);
    expect(before.journal).toMatchObject([
      {
        g: 0,
        time: at,
        events: [100_000, 80_000, 1_000_000, 10_000_000, 500_000].map(
          (limit, index) => `o ${index + 1} ${at} ${limit} initial - BRL/2 `,
        ),
      },
    ]);
    expect(await journalFaults(sql)).toEqual([]);
    expect(await redis.hgetall("razonete:{0}:head")).toMatchObject({
      epoch: begun.epoch,
      g: "0",
      shards: "1",
    });
    expect(await redis.get("razonete:{0}:account:4")).toBe(`10000000 0 0 0 ${at} BRL/2 open ${at}`);

    expect(await init()).toEqual({ ...begun, type: "there" });
    expect(await everything()).toEqual(before);
  });

  test("several shards, each with its accounts", async () => {
    await init(4);
    expect((await redis.keys("razonete:*:account:*")).toSorted()).toEqual([
      "razonete:{0}:account:2",
      "razonete:{0}:account:3",
      "razonete:{2}:account:1",
      "razonete:{2}:account:4",
      "razonete:{3}:account:5",
    ]);
    const accounts = (await journalOf(sql)).map(({ shard, events }) => [
      shard,
      events.map((event) => event[2]),
    ]);
    expect(accounts).toEqual([
      [0, ["2", "3"]],
      [1, []],
      [2, ["1", "4"]],
      [3, ["5"]],
    ]);
    expect(await journalFaults(sql)).toEqual([]);
  });

  test("a shard without an account at the start has a journal all the same", async () => {
    await init(7);
    const empty = (await journalOf(sql)).filter(({ events }) => events.length === 0);
    expect(empty.map(({ shard, g }) => [shard, g])).toEqual([
      [0, 0],
      [4, 0],
      [5, 0],
    ]);
    expect(empty[0]?.time).toBeGreaterThan(1_700_000_000_000_000);
    expect(await journalFaults(sql)).toEqual([]);
  });

  test("another number of shards is refused, none said is as it was", async () => {
    const { epoch } = await init(2);
    expect(init(3)).rejects.toThrow(
      new StartError("the books were begun with 2 shards, which cannot be changed to 3: set SHARDS=2."),
    );
    expect(await init()).toMatchObject({ type: "there", epoch, shards: 2 });
  });

  test("without the contest's accounts, if so wanted; those that are there stay", async () => {
    const begun = await init(2, { initialAccounts: false });
    expect(begun).toMatchObject({ type: "begun", initialAccounts: false });
    const { accounts, limits, journal } = await everything();
    expect([accounts, limits]).toEqual([[], []]);
    expect(journal.map(({ events }) => events)).toEqual([[], []]);
    expect(await journalFaults(sql)).toEqual([]);
    expect(await redis.keys("razonete:*:account:*")).toEqual([]);
    expect(await init()).toEqual({ ...begun, type: "there" });
    expect((await everything()).accounts).toEqual([]);
  });

  test("accounts of the start stay where a later start is to have none", async () => {
    await init();
    const before = await everything();
    expect(await init(null, { initialAccounts: false })).toMatchObject({ initialAccounts: true });
    expect(await everything()).toEqual(before);
  });

  test("for how long keys are remembered: as it was, if nothing is said; the least is noted for the audit", async () => {
    const settings = async () => [
      [...(await sql`SELECT key_hours, key_hours_least FROM system`)],
      await redis.hget("razonete:{0}:head", "key_seconds"),
      await redis.hget("razonete:{1}:head", "key_seconds"),
    ];
    for (const [keyHours, hours, least] of [
      [48, 48, 48],
      [null, 48, 48],
      [2, 2, 2],
      [168, 168, 2],
      [100, 100, 2],
    ] as const) {
      expect(await init(2, { keyHours })).toMatchObject({ keyHours: hours });
      const seconds = String(hours * 3600);
      expect(await settings()).toEqual([[{ key_hours: hours, key_hours_least: least }], seconds, seconds]);
    }
  });

  test("two at once make one ledger", async () => {
    const both = await Promise.all([init(), init()]);
    expect(both.map(({ type }) => type).toSorted()).toEqual(["begun", "there"]);
    expect(both[0]?.epoch).toBe(both[1]?.epoch ?? "");
  });

  test("interrupted anywhere before it was done, it is completed by the next", async () => {
    // After the migrations only.
    await migrate(sql);
    expect(await init()).toMatchObject({ type: "begun" });
    // After the books, before Redis.
    await redis.send("FLUSHALL", []);
    await sql`UPDATE system SET loaded = false`;
    expect(await init()).toMatchObject({ type: "begun" });
    // Between Redis and the note of it; between two shards.
    const before = await everything();
    await sql`UPDATE system SET loaded = false`;
    expect(await init()).toMatchObject({ type: "begun" });
    expect(await everything()).toEqual(before);
  });

  test("killed at any moment, it is completed by the next", async () => {
    const main = join(import.meta.dir, "../../src/cli/main.ts");
    const start = () =>
      Bun.spawn([process.execPath, main, "init"], {
        env: { ...process.env, DATABASE_URL: databaseUrl, REDIS_URL: redisServer.url },
        stdio: ["ignore", "ignore", "pipe"],
      });
    const began = performance.now();
    const whole = start();
    expect(await whole.exited).toBe(0);
    const milliseconds = performance.now() - began;

    for (let part = 4; part <= 10; part += 2) {
      databaseUrl = await postgresServer.emptyDatabase();
      await redis.send("FLUSHALL", []);
      const child = start();
      await Bun.sleep((milliseconds * part) / 10);
      child.kill("SIGKILL");
      await child.exited;
      const again = start();
      expect([await again.exited, await again.stderr.text()]).toEqual([0, ""]);
      const books = new Books({ url: databaseUrl, name: "test", connections_max: 1 });
      const fence = await books.fence();
      await books.close();
      expect(fence).toMatchObject({ loaded: true, shards: 1, lastG: [0] });
      const now = connectPostgres({ url: databaseUrl, name: "test", connections_max: 1 });
      expect(await journalFaults(now)).toEqual([]);
      await now.end();
      expect(await redis.hget("razonete:{0}:head", "epoch")).toBe(fence?.epoch ?? "");
      expect(await redis.keys("razonete:{0}:account:*")).toHaveLength(5);
    }
  });

  test("a Redis that lost its data is not filled again, and nothing is changed", async () => {
    await init();
    await redis.send("FLUSHALL", []);
    const before = await everything();
    expect(init()).rejects.toThrow(/^Redis is empty, .* or run razonete restore\.$/);
    await init().catch(() => {});
    expect(await everything()).toEqual(before);
  });

  test("a Redis that is older than the books, or another ledger's, is refused", async () => {
    const { epoch } = await init();
    const source = new LedgerSource(epoch);
    await putInOutbox(redis, [source.batch("1", 10)]);
    await sql`UPDATE cursors SET last_g = 2`;
    expect(init()).rejects.toThrow(/^Redis is older than the books \(shard 0: batch 1, the books have 2\)/);
    await redis.send("HSET", ["razonete:{0}:head", "epoch", "another"]);
    expect(init()).rejects.toThrow(/^Redis holds another ledger/);
  });

  test("a server's error in the middle of it is reported in one sentence", async () => {
    await redis.send("SET", ["razonete:{0}:head", "not a hash"]);
    expect(init()).rejects.toThrow(
      /^the ledger could not be made or brought up to date \(WRONGTYPE .*razonete init again\.$/,
    );
  });

  test("the library is loaded anew each time", async () => {
    await init();
    await redis.send("FUNCTION", ["FLUSH"]);
    await init();
    expect(JSON.stringify(await redis.send("FUNCTION", ["LIST"]))).toContain("razonete_begin");
  });

  test("a database that is not there is named at once", async () => {
    databaseUrl = `${databaseUrl}_missing`;
    expect(init()).rejects.toThrow(
      /^PostgreSQL \(DATABASE_URL\) cannot be used: database .* does not exist\.$/,
    );
  });
});
