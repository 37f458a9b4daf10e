import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { functionLibrary } from "../../src/decide/function-library.ts";
import type { RedisLedger } from "../../src/decide/redis-ledger.ts";
import { LedgerUnavailable } from "../../src/ledger/ledger.ts";
import { eventually } from "../support/eventually.ts";
import { TcpProxy } from "../../proof/torture/faults/tcp-proxy.ts";
import { FUNCTION_VERSION } from "../../src/decide/fence.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { admitted, describeWithRedis, RedisStand } from "../support/redis-under-test.ts";
import { credit, submitted } from "../support/ledger/settling.ts";

failOnLeaks();
setDefaultTimeout(60_000);

const head = "razonete:{0}:head";

describeWithRedis("batches that were answered and are gone", () => {
  let stand: RedisStand;
  beforeEach(async () => {
    stand = await RedisStand.start();
  });
  afterEach(() => stand[Symbol.asyncDispose]());

  const lost = () => stand.command(["HGET", head, "lost"]);
  const credits = async (ledger: RedisLedger, count: number) => {
    for (let index = 0; index < count; index += 1) await ledger.submit(credit("1"));
  };

  async function refused(ledger: RedisLedger, reason: RegExp): Promise<void> {
    const state = () => ledger.readiness();
    await eventually(
      `it is refused: ${reason}`,
      () => {
        const now = state();
        return !now.ready && reason.test(now.reason);
      },
      state,
    );
  }

  test("once Redis is told of them, it refuses everybody, reads as well as writes", async () => {
    const ledger = await stand.ledger();
    await credits(ledger, 2);
    expect(await stand.call("razonete_lost", ["test", "3", ""])).toBe(1);
    expect(await stand.call("razonete_status")).toEqual([
      "test",
      FUNCTION_VERSION,
      "1",
      "2",
      2,
      "1",
      "3",
      "2",
    ]);
    for (const answer of [
      submitted(ledger, credit("1")),
      ledger.account("1").catch((error: unknown) => error),
    ])
      expect(await answer).toBeInstanceOf(LedgerUnavailable);
    await refused(ledger, /^Redis has lost what it has answered \(batch 3, it has 2\): .* razonete restore$/);
    expect((await stand.outbox()).length).toBe(2);
  });

  test("the later of two is remembered; what Redis has, and another epoch's, changes nothing", async () => {
    await credits(await stand.ledger(), 2);
    for (const args of [
      ["test", "2", ""],
      ["other", "9", ""],
      // The books have none, and the outbox has all.
      ["test", "1", "0"],
    ])
      expect(await stand.call("razonete_lost", args)).toBe(0);
    expect(await lost()).toBeNull();
    await stand.call("razonete_lost", ["test", "7", ""]);
    await stand.call("razonete_lost", ["test", "5", ""]);
    expect(await lost()).toBe("7");
    await stand.command(["DEL", head]);
    expect(await stand.call("razonete_lost", ["test", "9", ""])).toBe(0);
    expect(await stand.command(["EXISTS", head])).toBe(0);
  });

  test("those between the books and the outbox are gone, too", async () => {
    await credits(await stand.ledger(), 3);
    const outbox = "razonete:{0}:outbox";
    await stand.command(["XTRIM", outbox, "MINID", "3"]);
    expect(await stand.call("razonete_lost", ["test", "3", "2"])).toBe(0);
    expect(await stand.call("razonete_lost", ["test", "2", "1"])).toBe(1);
    expect(await lost()).toBe("2");
    await stand.command(["HDEL", head, "lost"]);
    await stand.command(["XTRIM", outbox, "MAXLEN", "0"]);
    expect(await stand.call("razonete_lost", ["test", "3", "3"])).toBe(0);
    expect(await stand.call("razonete_lost", ["test", "3", "2"])).toBe(1);
  });

  test("one API has seen them, another has not: Redis stops both, and the books know it for good", async () => {
    await using proxy = await TcpProxy.start(stand.server.process.port);
    const witness = await stand.ledger({ redisUrl: proxy.url });
    await credits(witness, 5);
    // It looks at Redis by itself, and may tell of what is gone before the other one has been admitted.
    proxy.hold();
    await stand.command(["HSET", head, "g", "3"]);
    await stand.command(["XDEL", "razonete:{0}:outbox", "4-0", "5-0"]);
    const restarted = await stand.ledger();
    proxy.release();
    expect(await submitted(witness, credit("1"))).toMatchObject({ outcome: "none" });
    await refused(witness, /^Redis is older than what it has answered \(batch 3 of 5\)/);
    await eventually("it is in the books", () => stand.books.seenG[0] === 5);
    expect(await submitted(restarted, credit("1"))).toMatchObject({ outcome: "none" });
    await refused(restarted, /older than what it has answered|has lost what it has answered/);

    // All APIs are restarted, and the mark in Redis is gone with the data that is put in its place.
    await Promise.all([witness.close(), restarted.close()]);
    await stand.command(["HDEL", head, "lost"]);
    await refused(stand.newLedger(), /^Redis is older than what it has answered \(batch 3 of 5\)/);
  });

  for (const [what, harm, reason] of [
    ["is empty", ["DEL", head], /^Redis holds no ledger/],
    ["has no functions", ["FUNCTION", "FLUSH"], /^Redis has no functions/],
  ] as const) {
    test(`Redis ${what}: what was seen goes into the books, as soon as they can be told`, async () => {
      const ledger = await stand.ledger();
      await credits(ledger, 4);
      stand.books.away = true;
      await stand.command(harm);
      expect(await submitted(ledger, credit("1"))).toMatchObject({ outcome: "none" });
      await refused(ledger, new RegExp(`${reason.source}.*\\(the books cannot be told yet\\)$`));
      stand.books.away = false;
      await eventually("it is in the books", () => stand.books.seenG[0] === 4);
      await refused(ledger, new RegExp(`${reason.source}[^(]*$`));
    });
  }

  test("Redis is whole after all: what was noted does not keep it away", async () => {
    const ledger = await stand.ledger();
    await credits(ledger, 4);
    await stand.command(["FUNCTION", "FLUSH"]);
    await submitted(ledger, credit("1"));
    await eventually("it is in the books", () => stand.books.seenG[0] === 4);
    await stand.command(["FUNCTION", "LOAD", functionLibrary]);
    await eventually("it is ready", () => admitted(ledger));
  });

  test("books that are older than Redis: no API is admitted, whatever the outbox holds", async () => {
    const ledger = await stand.ledger();
    await credits(ledger, 5);
    await stand.books.keep(0, 4);
    stand.books.lastG = [2];
    const reason = (missing: string) =>
      new RegExp(
        `^the books are older than Redis \\(${missing} in neither the books nor the outbox\\): .*restore$`,
      );
    await refused(stand.newLedger(), reason("batches 3 to 4 are"));
    stand.books.lastG = [3];
    await refused(stand.newLedger(), reason("batch 4 is"));
    stand.books.lastG = [4];
    await stand.ledger();
    await stand.books.keep(0, 1);
    stand.books.lastG = [4];
    await refused(stand.newLedger(), reason("batch 5 is"));
    stand.books.lastG = [5];
    await stand.ledger();
  });

  test("Redis is being restored: no API is admitted, and it says so", async () => {
    await stand.command(["HSET", head, "epoch", "sealed:test"]);
    await refused(stand.newLedger(), /^Redis is being restored: wait for razonete restore, or run it again/);
  });
});
