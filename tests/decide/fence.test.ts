import { NO_DETAILS } from "../../src/ledger/transaction.ts";
import { booksThat, newest } from "./support/books-that.ts";
import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { truncateSync } from "node:fs";
import { Glob } from "bun";
import { join } from "node:path";
import { functionLibrary } from "../../src/decide/function-library.ts";
import { LedgerUnavailable } from "../../src/ledger/ledger.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { admitted, describeWithRedis, RedisStand } from "../support/redis-under-test.ts";
import { TcpProxy } from "../../proof/torture/faults/tcp-proxy.ts";
import { fenced } from "./support/fenced.ts";
import { credit, settle, submitted } from "../support/ledger/settling.ts";

failOnLeaks();
setDefaultTimeout(60_000);

describeWithRedis("the fence", () => {
  let stand: RedisStand;
  beforeEach(async () => {
    stand = await RedisStand.start();
  });
  afterEach(() => stand[Symbol.asyncDispose]());

  test("whatever is asked where Redis was never found is told so", async () => {
    await stand.command(["DEL", "razonete:{0}:head"]);
    const ledger = stand.newLedger();
    const commands = ["1", "2", "3"].map((account) => credit(account));
    for (const asked of [
      ledger.submitAll(commands),
      ledger.submit(credit("1")),
      ledger.submit({ type: "reversal", id: "req:r", transaction: "t0-1-0-1", ...NO_DETAILS }),
      ledger.account("1"),
      ledger.statement("1"),
      ledger.entries("1", newest(1)),
      ledger.transaction("t0-1-0-1"),
      ledger.hold("h0-1-0-1"),
    ])
      expect(await asked.catch((error: unknown) => error)).toBeInstanceOf(LedgerUnavailable);
  });

  test("Redis that decides and is kept while the two are compared is not older than the books", async () => {
    const decider = await stand.ledger();
    const outages: string[] = [];
    let compared = 0;
    const books = booksThat(stand.books, {
      fence: async () => {
        compared += 1;
        if (compared === 1) {
          await decider.submit(credit("1"));
          await stand.books.keep(0, 1);
        }
        return stand.books.fence();
      },
    });
    const ledger = stand.newLedger({ books, onOutage: (message) => outages.push(message) });
    await eventually("it is ready", () => admitted(ledger));
    expect(compared).toBe(2);
    expect(outages.filter((message) => message !== "ready")).toEqual([]);
  });

  const states: readonly { name: string; reason: RegExp; make: () => unknown; mend: () => unknown }[] = [
    {
      name: "Redis is empty",
      reason: /^Redis holds no ledger, but it did: give it its data back, or run razonete restore/,
      make: () => stand.command(["DEL", "razonete:{0}:head"]),
      mend: () => stand.begin(),
    },
    {
      name: "Redis is empty, functions and all",
      reason: /^Redis holds no ledger, but it did: give it its data back, or run razonete restore/,
      make: async () => {
        await stand.command(["DEL", "razonete:{0}:head"]);
        await stand.command(["FUNCTION", "FLUSH"]);
      },
      mend: async () => {
        await stand.command(["FUNCTION", "LOAD", functionLibrary]);
        await stand.begin();
      },
    },
    {
      name: "Redis is empty, as are the books",
      reason: /^the books in PostgreSQL are empty: run razonete init$/,
      make: async () => {
        stand.books.initialized = false;
        await stand.command(["DEL", "razonete:{0}:head"]);
      },
      mend: async () => {
        stand.books.initialized = true;
        await stand.begin();
      },
    },
    {
      name: "Redis has no functions",
      reason: /^Redis has no functions of the ledger: run razonete init$/,
      make: () => stand.command(["FUNCTION", "FLUSH"]),
      mend: () => stand.command(["FUNCTION", "LOAD", functionLibrary]),
    },
    {
      name: "the functions are of another version",
      reason: /^Redis has another version than this program \(999, not \d+\): run razonete init$/,
      make: () => {
        const other = functionLibrary.replace(/local VERSION = '\d+'/, "local VERSION = '999'");
        expect(other).not.toBe(functionLibrary);
        return stand.command(["FUNCTION", "LOAD", "REPLACE", other]);
      },
      mend: () => stand.command(["FUNCTION", "LOAD", "REPLACE", functionLibrary]),
    },
    {
      name: "Redis is of another epoch",
      reason: /^Redis has another epoch than the books \(other, not test\): .* razonete restore$/,
      make: () => stand.command(["HSET", "razonete:{0}:head", "epoch", "other"]),
      mend: () => stand.command(["HSET", "razonete:{0}:head", "epoch", "test"]),
    },
    {
      name: "the books have other shards",
      reason: /^Redis has another number of shards than the books \(1, not 2\)/,
      make: () => (stand.books.shards = 2),
      mend: () => (stand.books.shards = 1),
    },
    {
      name: "Redis is older than the books",
      reason:
        /^Redis is older than the books \(batch 0 of 1\): give it its data back, or run razonete restore$/,
      make: () => (stand.books.lastG = [1]),
      mend: () => (stand.books.lastG = [0]),
    },
    {
      name: "Redis was not loaded yet",
      reason: /^Redis has not been loaded yet: run razonete init$/,
      make: () => (stand.books.loaded = false),
      mend: () => (stand.books.loaded = true),
    },
    {
      name: "a restore was begun and not finished",
      reason: /^Redis has not been loaded yet: run razonete restore again$/,
      make: () => Object.assign(stand.books, { loaded: false, isRestoring: true }),
      mend: () => Object.assign(stand.books, { loaded: true, isRestoring: false }),
    },
    {
      name: "the books were never set up",
      reason: /^the books in PostgreSQL are empty: run razonete init$/,
      make: () => (stand.books.initialized = false),
      mend: () => (stand.books.initialized = true),
    },
    {
      name: "the books are away",
      reason: /^the books in PostgreSQL cannot be asked whether Redis is what it should be$/,
      make: () => (stand.books.away = true),
      mend: () => (stand.books.away = false),
    },
  ];
  for (const { name, reason, make, mend } of states) {
    test(`${name}: not ready until that is mended`, async () => {
      await make();
      const ledger = stand.newLedger();
      await fenced(ledger, reason);
      await mend();
      await eventually("it is ready", () => admitted(ledger));
      expect(await ledger.submit(credit("1"))).toMatchObject({ type: "accepted" });
    });
  }

  test("books that are away do not matter when the same Redis comes back", async () => {
    await using proxy = await TcpProxy.start(stand.server.process.port);
    const ledger = await stand.ledger({ redisUrl: proxy.url });
    stand.books.away = true;
    const asked = stand.books.asked;
    proxy.cut();
    await eventually("the connection is back", () => admitted(ledger));
    expect((await settle(ledger, credit("1"))).outcome).toMatchObject({ type: "accepted" });
    expect(stand.books.asked).toBe(asked);
  });

  test("a Redis that was restarted is not asked before the books were", async () => {
    const ledger = await stand.ledger();
    await ledger.submit(credit("1"));
    stand.books.away = true;
    await stand.crash();
    await fenced(ledger, /^the books in PostgreSQL cannot be asked/);
    stand.books.away = false;
    await eventually("it is ready", () => admitted(ledger));
    expect(await ledger.account("1")).toMatchObject({ seq: 1 });
  });

  test("Redis comes back older than what was answered: nothing is answered from it", async () => {
    const ledger = await stand.ledger();
    for (let index = 0; index < 5; index += 1) await ledger.submit(credit("1"));
    await stand.server.process.kill();
    cutTail(stand.server.process.logFile);
    await stand.server.process.start();
    expect((await stand.outbox()).length).toBeLessThan(5);
    // The books do not know better: the writer has not kept anything yet.
    expect(stand.books.lastG).toEqual([0]);
    await fenced(ledger, /^Redis is older than .*\(batch 4 of 5\)/);
  });

  describe("Redis comes back older, and others have had another batch decided under the same number meanwhile", () => {
    for (const kept of [false, true]) {
      test(`${kept ? "which the books have kept" : "which waits in the outbox"}: nothing is answered from it`, async () => {
        const proxy = await TcpProxy.start(stand.server.process.port);
        try {
          const ledger = await stand.ledger({ redisUrl: proxy.url });
          for (let index = 0; index < 5; index += 1) await ledger.submit(credit("1"));
          proxy.hold();
          await stand.server.process.kill();
          cutTail(stand.server.process.logFile);
          await stand.server.process.start();
          const other = await stand.ledger();
          await other.submit(credit("1"));
          expect((await stand.outbox()).length).toBe(5);
          if (kept) await stand.books.keep(0, 10);
          expect(other.readiness()).toEqual({ ready: true });
          proxy.release();
          await fenced(ledger, /^Redis has lost what it has answered \(batch 5/);
          // The other one, too, though nobody asks it for anything.
          await fenced(other, /^Redis has lost what it has answered \(batch 5/);
        } finally {
          await proxy[Symbol.asyncDispose]();
        }
      });
    }
  });

  test("a Redis that the fence refuses is reported at once, without the wait after a lost connection", async () => {
    const ledger = await stand.ledger();
    stand.books.lastG = [1];
    const asked = stand.books.asked;
    await stand.crash();
    // It was compared, and is being compared again.
    await eventually("it is compared twice", () => stand.books.asked >= asked + 2);
    expect(ledger.readiness()).toEqual({
      ready: false,
      reason: "Redis is older than the books (batch 0 of 1): give it its data back, or run razonete restore",
    });
  });

  test("the data goes back while the ledger runs: the function refuses, and the fence stays down", async () => {
    const ledger = await stand.ledger();
    for (let index = 0; index < 3; index += 1) await ledger.submit(credit("1"));
    await stand.command(["HSET", "razonete:{0}:head", "g", "2"]);
    expect(await submitted(ledger, credit("1"))).toMatchObject({ outcome: "none" });
    await fenced(ledger, /^Redis is older than what it has answered \(batch 2 of 3\)/);
    // Its own data again, which bears no mark.
    await stand.command(["HSET", "razonete:{0}:head", "g", "3"]);
    await stand.command(["HDEL", "razonete:{0}:head", "lost"]);
    await eventually("it is ready", () => admitted(ledger));
  });

  test("a new epoch while the ledger runs: it follows the books, also back to an earlier batch", async () => {
    const ledger = await stand.ledger();
    for (let index = 0; index < 3; index += 1) await ledger.submit(credit("1"));
    // Batch 3 was lost, and the books began anew with what they had.
    stand.books.epoch = "second";
    await stand.begin();
    stand.books.lastG = [0];
    await eventually("it is ready", () => admitted(ledger));
    expect(await ledger.submit(credit("1"))).toMatchObject({ result: { account: { seq: 1 } } });
  });

  test("a new epoch in the same Redis, set up while the connection was cut: the books are asked", async () => {
    await using proxy = await TcpProxy.start(stand.server.process.port);
    const ledger = await stand.ledger({ redisUrl: proxy.url });
    await stand.command(["HSET", "razonete:{0}:head", "epoch", "other"]);
    proxy.cut();
    await fenced(ledger, /^Redis has another epoch than the books/);
  });

  test("what was sent in one epoch is not sent again in the next, which does not remember it", async () => {
    const ledger = await stand.ledger();
    stand.server.process.signal("SIGSTOP");
    const lost = submitted(ledger, credit("1"));
    await Bun.sleep(50);
    // Applied, but its answer is lost; and the next epoch begins before the deadline.
    await stand.server.process.kill();
    stand.books.epoch = "second";
    await stand.server.process.start();
    await stand.begin();
    expect(await lost).toMatchObject({ outcome: "unknown" });
    await eventually("it is ready", () => admitted(ledger));
    expect(await ledger.account("1")).toMatchObject({ seq: 0 });
  });

  test("the functions vanish while the ledger runs", async () => {
    const ledger = await stand.ledger();
    await stand.command(["FUNCTION", "FLUSH"]);
    expect(await submitted(ledger, credit("1"))).toMatchObject({ outcome: "none" });
    await fenced(ledger, /^Redis has no functions/);
    await stand.command(["FUNCTION", "LOAD", functionLibrary]);
    await eventually("it is ready", () => admitted(ledger));
  });

  test("Redis dies while the books are being asked: their answer does not count for the next one", async () => {
    let asked = 0;
    const slow = Promise.withResolvers<null>();
    const ledger = stand.newLedger({
      durable: false,
      books: booksThat(stand.books, {
        fence: async () => {
          asked += 1;
          const fence = await stand.books.fence();
          if (asked === 1) await slow.promise;
          return fence;
        },
      }),
    });
    await eventually("the books are asked", () => asked === 1);
    await stand.server.process.kill();
    // The ledger learns of it.
    await Bun.sleep(100);
    slow.resolve(null);
    await Bun.sleep(20);
    expect(ledger.readiness()).toMatchObject({ ready: false });
    stand.books.lastG = [1];
    await stand.server.process.start();
    await fenced(ledger, /^Redis is older than the books/);
  });
});

/** Cuts the last command, in part, off what Redis has on disk. It takes that for a crash, and drops the whole command. */
function cutTail(logFile: string): void {
  const folder = join(logFile, "..", "appendonlydir");
  const [file] = [...new Glob("*.incr.aof").scanSync(folder)];
  if (file === undefined) throw new Error("Redis has no file of appended commands");
  const path = join(folder, file);
  truncateSync(path, Bun.file(path).size - 3);
}
