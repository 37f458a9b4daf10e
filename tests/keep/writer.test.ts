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
import { eventually } from "../support/eventually.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { LedgerSource } from "../support/ledger-source.ts";
import { Servers, WriterWorld } from "../support/writer-under-test.ts";

setDefaultTimeout(60_000);

describe.skipIf(serversMissing !== null)("the writer", () => {
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

  async function startActive(): Promise<void> {
    world.startWriter();
    await eventually("the writer is active", () => world.lines.includes("shard 0: this writer is active"));
  }

  test("keeps what the feed brings, in order, and trims the outbox", async () => {
    await startActive();
    for (const batch of makeBatches(50)) await world.decideAndPublish([batch]);
    await world.drained();
    expect(await world.differences()).toEqual([]);
  });

  test("keeps at the start what the outbox holds already", async () => {
    await world.decide(makeBatches(2500));
    await startActive();
    await world.drained();
    expect(await world.differences()).toEqual([]);
  });

  test("a feed that brings everything twice, in disorder, and what is none of it", async () => {
    await startActive();
    const batches = makeBatches(40);
    await world.decide(batches);
    const stranger = new LedgerSource("another-epoch");
    const forged = { ...stranger.batch(1, 1_000_000), g: 1 };
    for (const batch of [forged, ...batches.toReversed(), ...batches, forged]) world.feed.publish(batch);
    // A batch that was never decided, far ahead.
    world.feed.publish({ epoch: world.source.epoch, shard: 0, g: 10_000, events: ["nonsense"] });
    await world.drained();
    for (const batch of batches) world.feed.publish(batch);
    await world.decideAndPublish(makeBatches(1));
    await world.drained();
    expect(await world.differences()).toEqual([]);
  });

  test("a gap in the feed is filled from the outbox", async () => {
    await startActive();
    const batches = makeBatches(30);
    await world.decide(batches);
    for (const batch of batches) if (batch.g % 7 !== 0 && batch.g !== 1) world.feed.publish(batch);
    await world.drained();
    expect(await world.differences()).toEqual([]);
  });

  test("a silent feed is replaced by the outbox", async () => {
    await startActive();
    for (const batch of makeBatches(5)) {
      await world.decide([batch]);
      await eventually("it is kept", async () => (await world.lastG()) === batch.g);
    }
    await world.drained();
    expect(await world.differences()).toEqual([]);
  });

  test("opened accounts and limits are kept as entries are", async () => {
    await startActive();
    await world.decideAndPublish([
      world.source.close([world.source.open(6, 500, "Padaria"), world.source.entry(6, -500)]),
      world.source.close([world.source.limit(6, 700)]),
      world.source.close([world.source.entry(6, -200)]),
    ]);
    await world.drained();
    expect(await world.differences()).toEqual([]);
    expect(await world.sql`SELECT credit_limit, name FROM accounts WHERE account = 6`).toMatchObject([
      { credit_limit: 700, name: "Padaria" },
    ]);
  });

  test("the outbox is trimmed only after the commit", async () => {
    await startActive();
    await world.decideAndPublish(makeBatches(3));
    await world.drained();

    const isBlocked = async () =>
      (
        await world.sql`SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`
      ).length > 0;
    await world.sql.begin(async (transaction) => {
      // The last statements of the writer's transaction have to wait for this. The feed is silent, so that the
      // writer has looked at the outbox before it keeps.
      await transaction`LOCK TABLE limits IN ACCESS EXCLUSIVE MODE`;
      await world.decide([world.source.close([world.source.entry(1, 5), world.source.limit(1, 200_000)])]);
      await eventually("the writer waits for the lock", isBlocked);
      await world.decideAndPublish(makeBatches(2));
      // Some looks at the outbox later it is still whole.
      await Bun.sleep(350);
      expect(await isBlocked()).toBe(true);
      expect(await world.outbox()).toEqual([4, 5, 6]);
      expect(await world.lastG()).toBe(3);
    });
    await world.drained();
    expect(await world.differences()).toEqual([]);
  });

  test("a stop finishes the transaction under way and lets go of the role", async () => {
    const { writer, done } = world.startWriter();
    await world.decideAndPublish(makeBatches(1000));
    await eventually("it has begun", async () => (await world.lastG()) > 0);
    writer.stop();
    expect(await done).toBeUndefined();
    expect(await world.sql`SELECT FROM pg_locks WHERE locktype = 'advisory'`).toHaveLength(0);
    await startActive();
    await world.drained();
    expect(await world.differences()).toEqual([]);
  });

  describe("a divergence ends it", () => {
    async function endOf(): Promise<unknown> {
      const { done } = world.startWriter();
      return done;
    }

    test("a row that already exists", async () => {
      await world.sql`
        INSERT INTO entries (account, seq, kind, value, balance, credit_limit, description, command, time)
        VALUES (3, 1, 'credit', 5, 5, 1000000, 'x', 'req:x', 1)`;
      await world.decide(makeBatches(5));
      expect(await endOf()).toMatchObject({ name: "Divergence", account: 3, seq: 1 });
      expect(await world.lastG()).toBe(0);
      expect(await world.outbox()).toEqual([1, 2, 3, 4, 5]);
    });

    test("a batch that is neither in the outbox nor in the books", async () => {
      await world.decide(makeBatches(5));
      await world.redis.send("XDEL", ["razonete:{0}:outbox", "3-0"]);
      expect(await endOf()).toMatchObject({ name: "Divergence", g: 3 });
      expect(await world.lastG()).toBe(2);
    });

    test("as a process: an alarm that says where, and an exit code of its own", async () => {
      await world.decide(makeBatches(1));
      await world.sql`UPDATE accounts SET balance = 1 WHERE account = 1`;
      const child = world.startWriterProcess();
      expect(await child.exited).toBe(65);
      const lines = (await child.stderr.text()).trim().split("\n");
      expect(lines.at(-1)).toMatch(
        /^razonete: ALARM: the books differ from the outbox at account 1, seq 1 \(shard 0, batch 1\)/,
      );
      expect(lines.filter((line) => /^\s+at /.test(line))).toEqual([]);
    });
  });
});
