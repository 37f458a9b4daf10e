import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { Feed } from "../../src/carry/feed.ts";
import { eventually } from "../support/eventually.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { childrenOf } from "../support/servers/server-process.ts";
import { LedgerSource } from "../support/ledger-source.ts";
import { writerSetup } from "../support/writer-under-test.ts";

setDefaultTimeout(90_000);

describe.skipIf(serversMissing !== null)("the writer stands it that", () => {
  const setup = writerSetup();

  /** Sessions of writers that hold the role, as PostgreSQL sees them. */
  async function roleHolders(): Promise<number[]> {
    const rows = await setup.world.sql<{ pid: number }[]>`
      SELECT l.pid FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database
      WHERE l.locktype = 'advisory' AND l.granted AND d.datname = current_database()`;
    return rows.map(({ pid }) => pid);
  }

  const roleIsHeld = () => eventually("a writer is active", async () => (await roleHolders()).length === 1);

  describe("NATS", () => {
    test("is away, from the start or for a while", async () => {
      await setup.servers.nats.process.kill();
      await setup.startActive();
      await setup.world.decideAndPublish(setup.makeBatches(20));
      await setup.world.drained();
      await setup.servers.nats.process.start();
      await setup.said("NATS is back");
      await setup.world.decideAndPublish(setup.makeBatches(20));
      await setup.world.drained();
      expect(await setup.world.differences()).toEqual([]);
    });

    test("comes back without anything that it had", async () => {
      await setup.startActive();
      await setup.world.decideAndPublish(setup.makeBatches(20));
      await setup.servers.nats.process.kill();
      setup.servers.nats.forget();
      await setup.world.decideAndPublish(setup.makeBatches(20));
      await setup.servers.nats.process.start();
      await setup.world.decideAndPublish(setup.makeBatches(20));
      await setup.world.drained();
      expect(await setup.world.differences()).toEqual([]);
    });
  });

  describe("PostgreSQL", () => {
    test("is killed and comes back", async () => {
      await setup.startActive();
      await setup.world.decideAndPublish(setup.makeBatches(20));
      await setup.servers.postgres.process.kill();
      await setup.world.decideAndPublish(setup.makeBatches(600));
      await setup.said(/^shard 0: PostgreSQL cannot be used/);
      expect((await setup.world.outbox()).at(-1)).toBe(620);
      await setup.servers.postgres.process.start();
      await setup.world.drained();
      expect(await setup.world.differences()).toEqual([]);
      expect(setup.world.lines.filter((line) => line.includes("PostgreSQL cannot be used"))).toHaveLength(1);
      await setup.said("shard 0: PostgreSQL can be used again");
    });

    test("is away at the start", async () => {
      await setup.world.decide(setup.makeBatches(3));
      await setup.servers.postgres.process.stop();
      setup.world.startWriter();
      await setup.said(/^PostgreSQL cannot be used/);
      await setup.servers.postgres.process.start();
      await setup.world.drained();
      expect(await setup.world.differences()).toEqual([]);
    });

    test("is frozen", async () => {
      await setup.startActive();
      setup.servers.postgres.process.signal("SIGSTOP");
      // The sessions are processes of their own, and have to be frozen, too.
      const pids = childrenOf(setup.servers.postgres.process.pid);
      for (const pid of pids) process.kill(pid, "SIGSTOP");
      await setup.world.decideAndPublish(setup.makeBatches(20));
      await setup.said(/^shard 0: PostgreSQL cannot be used \(PostgreSQL gave no answer/);
      for (const pid of pids) process.kill(pid, "SIGCONT");
      setup.servers.postgres.process.signal("SIGCONT");
      await setup.world.drained();
      expect(await setup.world.differences()).toEqual([]);
    });

    test("ends every connection, again and again", async () => {
      await setup.startActive();
      for (let round = 0; round < 5; round += 1) {
        await setup.world.decideAndPublish(setup.makeBatches(200));
        await setup.world.sql`
          SELECT pg_terminate_backend(pid) FROM pg_stat_activity
          WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name LIKE 'razonete%'`;
        await roleIsHeld();
      }
      await setup.world.drained();
      expect(await setup.world.differences()).toEqual([]);
    });
  });

  describe("Redis", () => {
    test("is killed and comes back", async () => {
      await setup.startActive();
      await setup.world.decideAndPublish(setup.makeBatches(50));
      await setup.servers.redis.process.kill();
      await setup.said(/^shard 0: Redis (is away|cannot be used)/);
      await setup.servers.redis.process.start();
      await setup.said("shard 0: Redis can be used again");
      await eventually("the test reaches it again", async () => (await setup.world.redis.ping()) === "PONG");
      await setup.world.decideAndPublish(setup.makeBatches(50));
      await setup.world.drained();
      expect(await setup.world.differences()).toEqual([]);
    });

    test("is killed and comes back empty: it says so, and stays", async () => {
      await setup.startActive();
      await setup.world.decideAndPublish(setup.makeBatches(5));
      await setup.world.drained();
      await setup.servers.redis.process.kill();
      await setup.said(/^shard 0: Redis (is away|cannot be used)/);
      setup.servers.redis.forget();
      await setup.servers.redis.process.start();
      await setup.said(/^shard 0: Redis holds no ledger.*razonete restore/);
      expect(await setup.world.differences()).toEqual([]);
    });

    test("is a replica, from the start or from some moment on: it keeps and trims nothing until it is none", async () => {
      await setup.world.decide(setup.makeBatches(5));
      for (let round = 1; round <= 2; round += 1) {
        await setup.world.redis.send("REPLICAOF", ["127.0.0.1", "1"]);
        if (round === 1) setup.world.startWriter();
        const lines = () =>
          setup.world.lines.filter((line) => /shard 0: Redis is a replica: set REDIS_URL/.test(line));
        await eventually("it says so", () => lines().length === round);
        // Several looks later.
        await Bun.sleep(300);
        if (round === 1)
          expect([await setup.world.lastG(), await setup.world.outbox()]).toEqual([0, [1, 2, 3, 4, 5]]);
        await setup.world.redis.send("REPLICAOF", ["NO", "ONE"]);
        await setup.world.drained();
        await setup.said("shard 0: Redis can be used again");
        await setup.world.decideAndPublish(setup.makeBatches(5));
        await setup.world.drained();
      }
      expect(await setup.world.differences()).toEqual([]);
    });

    test("is empty, older than the books or another ledger's: then it writes and trims nothing", async () => {
      await setup.startActive();
      await setup.world.decideAndPublish(setup.makeBatches(5));
      await setup.world.drained();
      const head = "razonete:{0}:head";
      const { epoch } = setup.world.source;
      const others: [wrong: Record<string, string>, line: RegExp][] = [
        [{ epoch, g: "4" }, /Redis is older than the books \(batch 4, the books have 5\).*razonete restore/],
        [{ epoch: "another", g: "9" }, /Redis is of epoch another/],
        [{}, /Redis holds no ledger.*razonete restore/],
      ];
      for (const [wrong, line] of others) {
        const fields = Object.entries(wrong).flat();
        await (fields.length === 0
          ? setup.world.redis.del(head)
          : setup.world.redis.send("HSET", [head, ...fields]));
        await setup.said(line);
        // As a Redis would have it that decides on: the same numbers again, then what follows.
        const wouldBe = new LedgerSource(epoch);
        wouldBe.g = 4;
        const batches = [wouldBe.batch("1", 1), wouldBe.batch("1", 1)];
        for (const batch of batches) {
          await setup.world.redis.send("XADD", [
            "razonete:{0}:outbox",
            `9${batch.g}-0`,
            "e",
            batch.events[0] ?? "",
          ]);
          setup.world.feed.publish(batch);
        }
        // Several looks later.
        await Bun.sleep(500);
        expect(await setup.world.outbox()).toEqual([95, 96]);
        expect(await setup.world.lastG()).toBe(5);
        await setup.world.redis.send("DEL", ["razonete:{0}:outbox"]);
        await setup.world.redis.send("HSET", [head, "epoch", epoch, "g", "5"]);
        await setup.world.redis.send("HDEL", [head, "lost"]);
        await eventually(
          "it can be used again",
          () => setup.world.lines.at(-1) === "shard 0: Redis can be used again",
        );
      }
      await setup.world.decideAndPublish(setup.makeBatches(5));
      await setup.world.drained();
      expect(await setup.world.differences()).toEqual([]);
    });
  });

  describe("batches are gone", () => {
    const head = "razonete:{0}:head";
    const seenG = async () =>
      (await setup.world.sql<{ seen_g: number }[]>`SELECT seen_g FROM cursors WHERE shard = 0`)[0]?.seen_g;

    test("Redis comes back without batches that the feed had delivered: the loss is marked for writer and APIs", async () => {
      await setup.world.decide(setup.makeBatches(5));
      await setup.startActive();
      await setup.world.drained();
      // It cannot keep the first one, and so still has the others when Redis is made anew.
      const listener = new Feed({ url: setup.world.config.natsUrl, name: "test" });
      const heard = new Set<number>();
      listener.subscribe(0, ({ g }) => heard.add(g));
      const lock = await setup.world.sql.reserve();
      await lock`BEGIN`;
      await lock`SELECT FROM cursors FOR UPDATE`;
      await setup.world.decideAndPublish(setup.makeBatches(1));
      await eventually("it waits for the cursor", async () => {
        const rows = await setup.world.sql`
          SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%keep_batches%'`;
        return rows.length === 1;
      });
      const lost = setup.makeBatches(2);
      await eventually("NATS brings them", () => {
        for (const batch of lost) setup.world.feed.publish(batch);
        return heard.has(8);
      });
      await listener.close();
      await setup.world.redis.send("CLIENT", ["KILL", "TYPE", "normal", "SKIPME", "yes"]);
      await lock`ROLLBACK`;
      lock.release();
      await setup.said(
        /^shard 0: Redis has lost what it has answered \(batch 8, it has 6\).* razonete restore$/,
      );
      expect(await setup.world.redis.hget(head, "lost")).toBe("8");
      expect(await seenG()).toBe(8);
    });

    test("Redis is marked: nothing is kept from it, and nothing trimmed", async () => {
      await setup.world.decide(setup.makeBatches(2));
      await setup.world.redis.send("HSET", [head, "lost", "4"]);
      setup.world.startWriter();
      await setup.said(/^shard 0: Redis has lost what it has answered \(batch 4, it has 2\)/);
      for (const batch of setup.makeBatches(1)) setup.world.feed.publish(batch);
      await Bun.sleep(300);
      expect(await setup.world.lastG()).toBe(0);
      expect(await setup.world.outbox()).toEqual([1, 2]);
    });

    test("the books are older than the outbox: it stops, names the way out, and Redis answers nobody", async () => {
      await setup.world.decide(setup.makeBatches(5));
      await setup.world.redis.send("XTRIM", ["razonete:{0}:outbox", "MINID", "4"]);
      const { done } = setup.world.startWriter();
      expect(String(await done)).toMatch(/neither in the outbox nor in the books.* run razonete restore/);
      expect(await setup.world.redis.hget(head, "lost")).toBe("1");
      expect(await setup.world.lastG()).toBe(0);
    });
  });

  describe("a writer", () => {
    test("is killed in the middle, again and again", async () => {
      for (let round = 0; round < 5; round += 1) {
        // Several transactions' worth.
        await setup.world.decide(setup.makeBatches(3000));
        const before = await setup.world.lastG();
        const child = setup.world.startWriterProcess();
        await eventually("it keeps", async () => (await setup.world.lastG()) > before);
        child.kill("SIGKILL");
        await child.exited;
      }
      setup.world.startWriter();
      await setup.world.drained();
      expect(await setup.world.differences()).toEqual([]);
    });

    test("runs beside others: one is active, and another takes over when it is killed", async () => {
      const children = [setup.world.startWriterProcess(), setup.world.startWriterProcess()];
      await roleIsHeld();
      setup.world.startWriter();
      await setup.said("shard 0: another writer is active, this one stands by");
      await setup.world.decideAndPublish(setup.makeBatches(300));
      await eventually("the first ones are kept", async () => (await setup.world.lastG()) > 0);
      for (const child of children) {
        child.kill("SIGKILL");
        await child.exited;
        await setup.world.decideAndPublish(setup.makeBatches(300));
      }
      await setup.said("shard 0: this writer is active");
      await setup.world.drained();
      expect(await setup.world.differences()).toEqual([]);
      expect(await roleHolders()).toHaveLength(1);
    });

    test("loses the role with its connection, and another takes over", async () => {
      await setup.startActive();
      setup.world.startWriterProcess();
      const both = async () =>
        (
          await setup.world.sql`
          SELECT FROM pg_stat_activity
          WHERE datname = current_database() AND application_name = 'razonete writer 0'`
        ).length === 2;
      for (let round = 0; round < 3; round += 1) {
        await eventually("one is active, one stands by", both);
        await roleIsHeld();
        const [holder] = await roleHolders();
        await setup.world.decideAndPublish(setup.makeBatches(200));
        await setup.world.sql`SELECT pg_terminate_backend(${holder ?? 0}::int)`;
        await eventually("another session has the role", async () => {
          const [now] = await roleHolders();
          return now !== undefined && now !== holder;
        });
      }
      await setup.world.drained();
      expect(await setup.world.differences()).toEqual([]);
    });

    test("believes to be active still while another one is", async () => {
      await setup.startActive();
      const held = await roleHolders();
      // Its transactions go over another connection, which stays: the lock is gone, and it may not know yet.
      await setup.world.decideAndPublish(setup.makeBatches(400));
      await setup.world.sql`SELECT pg_terminate_backend(${held[0] ?? 0}::int)`;
      setup.world.startWriter();
      setup.world.startWriter();
      await setup.world.decideAndPublish(setup.makeBatches(400));
      await setup.world.drained();
      expect(await setup.world.differences()).toEqual([]);
    });

    test("is stopped: it exits with 0, the outbox keeps the rest", async () => {
      await setup.world.decide(setup.makeBatches(3000));
      const child = setup.world.startWriterProcess();
      await eventually("it has begun", async () => (await setup.world.lastG()) > 0);
      child.kill("SIGTERM");
      expect(await child.exited).toBe(0);
      // A session ends some time after its process.
      await eventually("nobody has the role", async () => (await roleHolders()).length === 0);
      const lastG = await setup.world.lastG();
      const outbox = await setup.world.outbox();
      expect(outbox[0] ?? lastG + 1).toBeLessThanOrEqual(lastG + 1);
      setup.world.startWriter();
      await setup.world.drained();
      expect(await setup.world.differences()).toEqual([]);
    });
  });
});
