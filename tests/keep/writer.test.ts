import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { argumentsOf } from "../../src/decide/function-codec.ts";
import { NO_DETAILS } from "../../src/ledger/transaction.ts";
import { eventually } from "../support/eventually.ts";
import { journalFaults } from "../support/kept-journal.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { LedgerSource } from "../support/ledger-source.ts";
import { writerSetup } from "../support/writer-under-test.ts";

setDefaultTimeout(60_000);

describe.skipIf(serversMissing !== null)("the writer", () => {
  const setup = writerSetup();

  test("keeps what the feed brings, in order, and trims the outbox", async () => {
    await setup.startActive();
    for (const batch of setup.makeBatches(50)) await setup.world.decideAndPublish([batch]);
    await setup.world.drained();
    expect(await setup.world.differences()).toEqual([]);
  });

  test("keeps at the start what the outbox holds already", async () => {
    await setup.world.decide(setup.makeBatches(2500));
    await setup.startActive();
    await setup.world.drained();
    expect(await setup.world.differences()).toEqual([]);
  });

  test("a feed that brings everything twice, in disorder, and what is none of it", async () => {
    await setup.startActive();
    const batches = setup.makeBatches(40);
    await setup.world.decide(batches);
    const stranger = new LedgerSource("another-epoch");
    const forged = { ...stranger.batch("1", 1_000_000), g: 1 };
    for (const batch of [forged, ...batches.toReversed(), ...batches, forged])
      setup.world.feed.publish(batch);
    // A batch that was never decided, far ahead.
    setup.world.feed.publish({ epoch: setup.world.source.epoch, shard: 0, g: 10_000, events: ["nonsense"] });
    await setup.world.drained();
    for (const batch of batches) setup.world.feed.publish(batch);
    await setup.world.decideAndPublish(setup.makeBatches(1));
    await setup.world.drained();
    expect(await setup.world.differences()).toEqual([]);
  });

  test("a gap in the feed is filled from the outbox", async () => {
    await setup.startActive();
    const batches = setup.makeBatches(30);
    await setup.world.decide(batches);
    for (const batch of batches) if (batch.g % 7 !== 0 && batch.g !== 1) setup.world.feed.publish(batch);
    await setup.world.drained();
    expect(await setup.world.differences()).toEqual([]);
  });

  test("a silent feed is replaced by the outbox", async () => {
    await setup.startActive();
    for (const batch of setup.makeBatches(5)) {
      await setup.world.decide([batch]);
      await eventually("it is kept", async () => (await setup.world.lastG()) === batch.g);
    }
    await setup.world.drained();
    expect(await setup.world.differences()).toEqual([]);
  });

  test("opened accounts and limits are kept as entries are", async () => {
    await setup.startActive();
    await setup.world.decideAndPublish([
      setup.world.source.close([
        setup.world.source.open("6", 500, "Padaria"),
        setup.world.source.entry("6", -500),
      ]),
      setup.world.source.close([setup.world.source.limit("6", 700)]),
      setup.world.source.close([setup.world.source.entry("6", -200)]),
    ]);
    await setup.world.drained();
    expect(await setup.world.differences()).toEqual([]);
    expect(await setup.world.sql`SELECT credit_limit, name FROM accounts WHERE account = '6'`).toMatchObject([
      { credit_limit: 700, name: "Padaria" },
    ]);
  });

  test("transactions and holds are kept as entries are", async () => {
    await setup.startActive();
    const { source } = setup.world;
    const made = source.hold("1", 9);
    const { hold } = source.latest;
    await setup.world.decideAndPublish([
      source.close([made, source.entry("2", 5)]),
      source.close([source.hold("1", 3)]),
      source.close([source.capture(hold, [["2", 4]]), source.transaction([["2", "3", 1]])]),
    ]);
    await setup.world.drained();
    expect(await setup.world.differences()).toEqual([]);
  });

  test("in a shard that nobody uses holds end when they are due, however many, and are kept", async () => {
    const { world } = setup;
    await setup.startActive();
    const holds = Array.from({ length: 450 }, (_, index) => {
      const hold = { type: "hold", id: `req:${index}`, from: "1", to: "@world", amount: 2 } as const;
      return argumentsOf({ ...hold, expiresInSeconds: 600, ...NO_DETAILS }, { type: "as-is" });
    });
    const args = [world.source.epoch, "0", "1000", ...holds.flat()];
    await world.redis.send("FCALL", ["razonete_apply", "1", "razonete:{0}:head", ...args]);
    const open = async () => {
      const [row] = await world.sql<{ open: number; all: number }[]>`
        SELECT count(*) FILTER (WHERE state = 'open') AS open, count(*) AS all FROM holds`;
      return row;
    };
    await eventually("they are kept", async () => (await open())?.all === 450);
    expect(await open()).toMatchObject({ open: 450, all: 450 });
    // None is due before all have been seen: then all are, at once.
    const expiries = "razonete:{0}:expiries";
    await world.redis.send("ZINTERSTORE", [expiries, "1", expiries, "WEIGHTS", "0"]);
    await eventually("they have ended", async () => (await open())?.open === 0);
    await eventually("the outbox is empty", async () => (await world.outbox()).length === 0);
    // One batch made them, three have ended them.
    expect(await world.lastG()).toBe(4);
    expect(await world.sql`SELECT held FROM accounts WHERE account = '1'`).toMatchObject([{ held: 0 }]);
    expect(await journalFaults(world.sql)).toEqual([]);
  });

  test("the outbox is trimmed only after the commit", async () => {
    await setup.startActive();
    await setup.world.decideAndPublish(setup.makeBatches(3));
    await setup.world.drained();

    const isBlocked = async () =>
      (
        await setup.world
          .sql`SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`
      ).length > 0;
    await setup.world.sql.begin(async (transaction) => {
      // The last statements of the writer's transaction have to wait for this. The feed is silent, so that the
      // writer has looked at the outbox before it keeps.
      await transaction`LOCK TABLE limits IN ACCESS EXCLUSIVE MODE`;
      await setup.world.decide([
        setup.world.source.close([setup.world.source.entry("1", 5), setup.world.source.limit("1", 200_000)]),
      ]);
      await eventually("the writer waits for the lock", isBlocked);
      await setup.world.decideAndPublish(setup.makeBatches(2));
      // Some looks at the outbox later it is still whole.
      await Bun.sleep(350);
      expect(await isBlocked()).toBe(true);
      expect(await setup.world.outbox()).toEqual([4, 5, 6]);
      expect(await setup.world.lastG()).toBe(3);
    });
    await setup.world.drained();
    expect(await setup.world.differences()).toEqual([]);
  });

  test("a stop finishes the transaction under way and lets go of the role", async () => {
    const { writer, done } = setup.world.startWriter();
    await setup.world.decideAndPublish(setup.makeBatches(1000));
    await eventually("it has begun", async () => (await setup.world.lastG()) > 0);
    writer.stop();
    expect(await done).toBeUndefined();
    // A session ends some time after its connection.
    await eventually("nobody has the role", async () => {
      const held = await setup.world.sql`SELECT FROM pg_locks WHERE locktype = 'advisory'`;
      return held.length === 0;
    });
    await setup.startActive();
    await setup.world.drained();
    expect(await setup.world.differences()).toEqual([]);
  });

  describe("a divergence ends it", () => {
    async function endOf(): Promise<unknown> {
      const { done } = setup.world.startWriter();
      return done;
    }

    test("a row that already exists", async () => {
      await setup.world.sql`
        INSERT INTO entries (account, seq, kind, value, balance, credit_limit, description, command, time, shard, g, event)
        VALUES ('3', 1, 'credit', 5, 5, 1000000, 'x', 'req:x', 1, 0, 1, 0)`;
      await setup.world.decide(setup.makeBatches(5));
      expect(await endOf()).toMatchObject({ name: "Divergence", account: "3", seq: 1 });
      expect(await setup.world.lastG()).toBe(0);
      expect(await setup.world.outbox()).toEqual([1, 2, 3, 4, 5]);
    });

    test("a batch that is neither in the outbox nor in the books", async () => {
      await setup.world.decide(setup.makeBatches(5));
      await setup.world.redis.send("XDEL", ["razonete:{0}:outbox", "3-0"]);
      expect(await endOf()).toMatchObject({ name: "Divergence", g: 3 });
      expect(await setup.world.lastG()).toBe(2);
    });

    test("as a process: an alarm that says where, and an exit code of its own", async () => {
      await setup.world.decide(setup.makeBatches(1));
      await setup.world.sql`UPDATE accounts SET balance = 1 WHERE account = '1'`;
      const child = setup.world.startWriterProcess();
      expect(await child.exited).toBe(65);
      const lines = (await child.stderr.text()).trim().split("\n");
      expect(lines.at(-1)).toMatch(
        /^razonete: ALARM: the books differ from the outbox at account 1, seq 1 \(shard 0, batch 1\)/,
      );
      expect(lines.filter((line) => /^\s+at /.test(line))).toEqual([]);
    });
  });
});
