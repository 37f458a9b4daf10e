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
import type { Batch } from "../../src/carry/batch.ts";
import { Feed } from "../../src/carry/feed.ts";
import { eventually } from "../support/eventually.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { childrenOf } from "../support/servers/server-process.ts";
import { LedgerSource } from "../support/ledger-source.ts";
import { Servers, WriterWorld } from "../support/writer-under-test.ts";

setDefaultTimeout(90_000);

describe.skipIf(serversMissing !== null)("the writer stands it that", () => {
  let servers: Servers;
  let world: WriterWorld;

  beforeAll(async () => {
    servers = await Servers.start();
  });

  afterAll(async () => {
    await servers.dispose();
  });

  beforeEach(async () => {
    world = await WriterWorld.begin(servers);
  });

  afterEach(async () => {
    await world.dispose();
  });

  const makeBatches = (count: number): Batch[] =>
    Array.from({ length: count }, (_, index) => world.source.batch(1 + (index % 5), 30, -10, 5));

  const said = (line: string | RegExp) =>
    eventually(
      `a writer says ${line}`,
      () => world.lines.some((each) => (typeof line === "string" ? each === line : line.test(each))),
      () => `it said ${JSON.stringify(world.lines)}`,
    );

  async function startActive(): Promise<void> {
    world.startWriter();
    await said("shard 0: this writer is active");
  }

  /** Sessions of writers that hold the role, as PostgreSQL sees them. */
  async function roleHolders(): Promise<number[]> {
    const rows = await world.sql<{ pid: number }[]>`
      SELECT l.pid FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database
      WHERE l.locktype = 'advisory' AND l.granted AND d.datname = current_database()`;
    return rows.map(({ pid }) => pid);
  }

  const roleIsHeld = () => eventually("a writer is active", async () => (await roleHolders()).length === 1);

  describe("NATS", () => {
    test("is away, from the start or for a while", async () => {
      await servers.nats.process.kill();
      await startActive();
      await world.decideAndPublish(makeBatches(20));
      await world.drained();
      await servers.nats.process.start();
      await said("NATS is back");
      await world.decideAndPublish(makeBatches(20));
      await world.drained();
      expect(await world.differences()).toEqual([]);
    });

    test("comes back without anything that it had", async () => {
      await startActive();
      await world.decideAndPublish(makeBatches(20));
      await servers.nats.process.kill();
      servers.nats.forget();
      await world.decideAndPublish(makeBatches(20));
      await servers.nats.process.start();
      await world.decideAndPublish(makeBatches(20));
      await world.drained();
      expect(await world.differences()).toEqual([]);
    });
  });

  describe("PostgreSQL", () => {
    test("is killed and comes back", async () => {
      await startActive();
      await world.decideAndPublish(makeBatches(20));
      await servers.postgres.process.kill();
      await world.decideAndPublish(makeBatches(600));
      await said(/^shard 0: PostgreSQL cannot be used/);
      expect((await world.outbox()).at(-1)).toBe(620);
      await servers.postgres.process.start();
      await world.drained();
      expect(await world.differences()).toEqual([]);
      expect(world.lines.filter((line) => line.includes("PostgreSQL cannot be used"))).toHaveLength(1);
      await said("shard 0: PostgreSQL can be used again");
    });

    test("is away at the start", async () => {
      await world.decide(makeBatches(3));
      await servers.postgres.process.stop();
      world.startWriter();
      await said(/^PostgreSQL cannot be used/);
      await servers.postgres.process.start();
      await world.drained();
      expect(await world.differences()).toEqual([]);
    });

    test("is frozen", async () => {
      await startActive();
      servers.postgres.process.signal("SIGSTOP");
      // The sessions are processes of their own, and have to be frozen, too.
      const pids = childrenOf(servers.postgres.process.pid);
      for (const pid of pids) process.kill(pid, "SIGSTOP");
      await world.decideAndPublish(makeBatches(20));
      await said(/^shard 0: PostgreSQL cannot be used \(PostgreSQL gave no answer/);
      for (const pid of pids) process.kill(pid, "SIGCONT");
      servers.postgres.process.signal("SIGCONT");
      await world.drained();
      expect(await world.differences()).toEqual([]);
    });

    test("ends every connection, again and again", async () => {
      await startActive();
      for (let round = 0; round < 5; round += 1) {
        await world.decideAndPublish(makeBatches(200));
        await world.sql`
          SELECT pg_terminate_backend(pid) FROM pg_stat_activity
          WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name LIKE 'razonete%'`;
        await roleIsHeld();
      }
      await world.drained();
      expect(await world.differences()).toEqual([]);
    });
  });

  describe("Redis", () => {
    test("is killed and comes back", async () => {
      await startActive();
      await world.decideAndPublish(makeBatches(50));
      await servers.redis.process.kill();
      await said(/^shard 0: Redis (is away|cannot be used)/);
      await servers.redis.process.start();
      await said("shard 0: Redis can be used again");
      await eventually("the test reaches it again", async () => (await world.redis.ping()) === "PONG");
      await world.decideAndPublish(makeBatches(50));
      await world.drained();
      expect(await world.differences()).toEqual([]);
    });

    test("is killed and comes back empty: it says so, and stays", async () => {
      await startActive();
      await world.decideAndPublish(makeBatches(5));
      await world.drained();
      await servers.redis.process.kill();
      await said(/^shard 0: Redis (is away|cannot be used)/);
      servers.redis.forget();
      await servers.redis.process.start();
      await said(/^shard 0: Redis holds no ledger.*razonete restore/);
      expect(await world.differences()).toEqual([]);
    });

    test("is a replica, from the start or from some moment on: it keeps and trims nothing until it is none", async () => {
      await world.decide(makeBatches(5));
      for (let round = 1; round <= 2; round += 1) {
        await world.redis.send("REPLICAOF", ["127.0.0.1", "1"]);
        if (round === 1) world.startWriter();
        const lines = () =>
          world.lines.filter((line) => /shard 0: Redis is a replica: set REDIS_URL/.test(line));
        await eventually("it says so", () => lines().length === round);
        // Several looks later.
        await Bun.sleep(300);
        if (round === 1) expect([await world.lastG(), await world.outbox()]).toEqual([0, [1, 2, 3, 4, 5]]);
        await world.redis.send("REPLICAOF", ["NO", "ONE"]);
        await world.drained();
        await said("shard 0: Redis can be used again");
        await world.decideAndPublish(makeBatches(5));
        await world.drained();
      }
      expect(await world.differences()).toEqual([]);
    });

    test("is empty, older than the books or another ledger's: then it writes and trims nothing", async () => {
      await startActive();
      await world.decideAndPublish(makeBatches(5));
      await world.drained();
      const head = "razonete:{0}:head";
      const { epoch } = world.source;
      const others: [wrong: Record<string, string>, line: RegExp][] = [
        [{ epoch, g: "4" }, /Redis is older than the books \(batch 4, the books have 5\).*razonete restore/],
        [{ epoch: "another", g: "9" }, /Redis is of epoch another/],
        [{}, /Redis holds no ledger.*razonete restore/],
      ];
      for (const [wrong, line] of others) {
        const fields = Object.entries(wrong).flat();
        await (fields.length === 0 ? world.redis.del(head) : world.redis.send("HSET", [head, ...fields]));
        await said(line);
        // As a Redis would have it that decides on: the same numbers again, then what follows.
        const wouldBe = new LedgerSource(epoch);
        wouldBe.g = 4;
        const batches = [wouldBe.batch(1, 1), wouldBe.batch(1, 1)];
        for (const batch of batches) {
          await world.redis.send("XADD", [
            "razonete:{0}:outbox",
            `9${batch.g}-0`,
            "e",
            batch.events[0] ?? "",
          ]);
          world.feed.publish(batch);
        }
        // Several looks later.
        await Bun.sleep(500);
        expect(await world.outbox()).toEqual([95, 96]);
        expect(await world.lastG()).toBe(5);
        await world.redis.send("DEL", ["razonete:{0}:outbox"]);
        await world.redis.send("HSET", [head, "epoch", epoch, "g", "5"]);
        await world.redis.send("HDEL", [head, "lost"]);
        await eventually(
          "it can be used again",
          () => world.lines.at(-1) === "shard 0: Redis can be used again",
        );
      }
      await world.decideAndPublish(makeBatches(5));
      await world.drained();
      expect(await world.differences()).toEqual([]);
    });
  });

  describe("batches are gone", () => {
    const head = "razonete:{0}:head";
    const seenG = async () =>
      (await world.sql<{ seen_g: number }[]>`SELECT seen_g FROM cursors WHERE shard = 0`)[0]?.seen_g;

    test("Redis comes back without batches that the feed had delivered: the loss is marked for writer and APIs", async () => {
      await world.decide(makeBatches(5));
      await startActive();
      await world.drained();
      // It cannot keep the first one, and so still has the others when Redis is made anew.
      const listener = new Feed({ url: world.config.natsUrl, name: "test" });
      const heard = new Set<number>();
      listener.subscribe(0, ({ g }) => heard.add(g));
      const lock = await world.sql.reserve();
      await lock`BEGIN`;
      await lock`SELECT FROM cursors FOR UPDATE`;
      await world.decideAndPublish(makeBatches(1));
      await eventually("it waits for the cursor", async () => {
        const rows = await world.sql`
          SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%keep_batches%'`;
        return rows.length === 1;
      });
      const lost = makeBatches(2);
      await eventually("NATS brings them", () => {
        for (const batch of lost) world.feed.publish(batch);
        return heard.has(8);
      });
      await listener.close();
      await world.redis.send("CLIENT", ["KILL", "TYPE", "normal", "SKIPME", "yes"]);
      await lock`ROLLBACK`;
      lock.release();
      await said(/^shard 0: Redis has lost what it has answered \(batch 8, it has 6\).* razonete restore$/);
      expect(await world.redis.hget(head, "lost")).toBe("8");
      expect(await seenG()).toBe(8);
    });

    test("Redis is marked: nothing is kept from it, and nothing trimmed", async () => {
      await world.decide(makeBatches(2));
      await world.redis.send("HSET", [head, "lost", "4"]);
      world.startWriter();
      await said(/^shard 0: Redis has lost what it has answered \(batch 4, it has 2\)/);
      for (const batch of makeBatches(1)) world.feed.publish(batch);
      await Bun.sleep(300);
      expect(await world.lastG()).toBe(0);
      expect(await world.outbox()).toEqual([1, 2]);
    });

    test("the books are older than the outbox: it stops, names the way out, and Redis answers nobody", async () => {
      await world.decide(makeBatches(5));
      await world.redis.send("XTRIM", ["razonete:{0}:outbox", "MINID", "4"]);
      const { done } = world.startWriter();
      expect(String(await done)).toMatch(/neither in the outbox nor in the books.* run razonete restore/);
      expect(await world.redis.hget(head, "lost")).toBe("1");
      expect(await world.lastG()).toBe(0);
    });
  });

  describe("a writer", () => {
    test("is killed in the middle, again and again", async () => {
      for (let round = 0; round < 5; round += 1) {
        // Several transactions' worth.
        await world.decide(makeBatches(3000));
        const before = await world.lastG();
        const child = world.startWriterProcess();
        await eventually("it keeps", async () => (await world.lastG()) > before);
        child.kill("SIGKILL");
        await child.exited;
      }
      world.startWriter();
      await world.drained();
      expect(await world.differences()).toEqual([]);
    });

    test("runs beside others: one is active, and another takes over when it is killed", async () => {
      const children = [world.startWriterProcess(), world.startWriterProcess()];
      await roleIsHeld();
      world.startWriter();
      await said("shard 0: another writer is active, this one stands by");
      await world.decideAndPublish(makeBatches(300));
      await eventually("the first ones are kept", async () => (await world.lastG()) > 0);
      for (const child of children) {
        child.kill("SIGKILL");
        await child.exited;
        await world.decideAndPublish(makeBatches(300));
      }
      await said("shard 0: this writer is active");
      await world.drained();
      expect(await world.differences()).toEqual([]);
      expect(await roleHolders()).toHaveLength(1);
    });

    test("loses the role with its connection, and another takes over", async () => {
      await startActive();
      world.startWriterProcess();
      const both = async () =>
        (
          await world.sql`
          SELECT FROM pg_stat_activity
          WHERE datname = current_database() AND application_name = 'razonete writer 0'`
        ).length === 2;
      for (let round = 0; round < 3; round += 1) {
        await eventually("one is active, one stands by", both);
        await roleIsHeld();
        const [holder] = await roleHolders();
        await world.decideAndPublish(makeBatches(200));
        await world.sql`SELECT pg_terminate_backend(${holder ?? 0}::int)`;
        await eventually("another session has the role", async () => {
          const [now] = await roleHolders();
          return now !== undefined && now !== holder;
        });
      }
      await world.drained();
      expect(await world.differences()).toEqual([]);
    });

    test("believes to be active still while another one is", async () => {
      await startActive();
      const held = await roleHolders();
      // Its transactions go over another connection, which stays: the lock is gone, and it may not know yet.
      await world.decideAndPublish(makeBatches(400));
      await world.sql`SELECT pg_terminate_backend(${held[0] ?? 0}::int)`;
      world.startWriter();
      world.startWriter();
      await world.decideAndPublish(makeBatches(400));
      await world.drained();
      expect(await world.differences()).toEqual([]);
    });

    test("is stopped: it exits with 0, the outbox keeps the rest", async () => {
      await world.decide(makeBatches(3000));
      const child = world.startWriterProcess();
      await eventually("it has begun", async () => (await world.lastG()) > 0);
      child.kill("SIGTERM");
      expect(await child.exited).toBe(0);
      expect(await roleHolders()).toEqual([]);
      const lastG = await world.lastG();
      const outbox = await world.outbox();
      expect(outbox[0] ?? lastG + 1).toBeLessThanOrEqual(lastG + 1);
      world.startWriter();
      await world.drained();
      expect(await world.differences()).toEqual([]);
    });
  });
});
