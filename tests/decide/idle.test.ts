import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { z } from "zod";
import { bounds } from "../../src/bounds.ts";
import { eventually } from "../support/eventually.ts";
import { accountOn } from "../support/account-on.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { describeWithRedis, RedisStand } from "../support/redis-under-test.ts";
import { credit } from "../support/ledger/settling.ts";

failOnLeaks();
setDefaultTimeout(60_000);

const SHARDS = 3;

describeWithRedis("a ledger that nobody asks for anything", () => {
  let stand: RedisStand;
  beforeEach(async () => {
    stand = await RedisStand.start({ shards: SHARDS });
  });
  afterEach(() => stand[Symbol.asyncDispose]());

  /** Looks at its readiness alone, which asks Redis for nothing. */
  async function becomesUnready(
    ledger: Awaited<ReturnType<RedisStand["ledger"]>>,
    reason: RegExp,
  ): Promise<void> {
    const state = () => ledger.readiness();
    await eventually(
      `it is not ready: ${reason}`,
      () => {
        const now = state();
        return !now.ready && reason.test(now.reason);
      },
      state,
    );
  }

  /** How often a reading function has been called. */
  async function readings(): Promise<number> {
    const stats = z.string().parse(await stand.command(["INFO", "commandstats"]));
    return Number(/^cmdstat_fcall_ro:calls=(\d+)/m.exec(stats)?.[1] ?? 0);
  }

  test("is not ready any more when its data is of another epoch", async () => {
    const ledger = await stand.ledger();
    for (let shard = 0; shard < SHARDS; shard += 1) {
      await stand.command(["HSET", `razonete:{${shard}}:head`, "epoch", "other"]);
    }
    await becomesUnready(ledger, /^Redis has another epoch than the books \(other, not test\)/);
  });

  test("is not ready any more when its data is older than what it has answered", async () => {
    const ledger = await stand.ledger();
    for (let index = 0; index < 3; index += 1) await ledger.submit(credit(accountOn(0, SHARDS)));
    await stand.command(["HSET", "razonete:{0}:head", "g", "2"]);
    await becomesUnready(ledger, /^Redis is older than what it has answered \(batch 2 of 3\)/);
  });

  test("nor when that is so of one shard, while another one is asked all the time", async () => {
    const ledger = await stand.ledger();
    for (let index = 0; index < 3; index += 1) await ledger.submit(credit(accountOn(1, SHARDS)));
    await stand.command(["HSET", "razonete:{1}:head", "g", "2"]);
    const over = new AbortController();
    const asking = (async () => {
      while (!over.signal.aborted) await ledger.account(accountOn(0, SHARDS)).catch(() => null);
    })();
    try {
      await becomesUnready(ledger, /^Redis is older than what it has answered \(batch 2 of 3\)/);
    } finally {
      over.abort();
      await asking;
    }
  });

  test("follows the books into a new epoch, so that its first request is answered", async () => {
    const ledger = await stand.ledger();
    await ledger.submit(credit("1"));
    const asked = stand.books.asked;
    stand.books.epoch = "second";
    await stand.begin();
    await eventually("the books are asked", () => stand.books.asked > asked);
    await eventually("it is ready", () => ledger.readiness().ready);
    expect(await ledger.submit(credit("1"))).toMatchObject({
      type: "accepted",
      result: { account: { seq: 1 } },
    });
  });

  test("stays ready, and asks once at a time where Redis is silent", async () => {
    const ledger = await stand.ledger();
    const before = await readings();
    await eventually("it looks", async () => (await readings()) >= before + SHARDS);
    const seen = await readings();
    stand.server.process.signal("SIGSTOP");
    await Bun.sleep(6 * bounds.fence_look_milliseconds);
    stand.server.process.signal("SIGCONT");
    // Looks that waited go on with the next shard.
    await Bun.sleep(bounds.fence_look_milliseconds / 5);
    // One may have ended before Redis was frozen, one has waited, and one may have begun since.
    expect((await readings()) - seen).toBeLessThanOrEqual(3 * SHARDS);
    expect(ledger.readiness()).toEqual({ ready: true });
  });

  test("asks nothing by itself while it is asked", async () => {
    const ledger = await stand.ledger();
    const askAll = () => Promise.all([0, 1, 2].map((shard) => ledger.account(accountOn(shard, SHARDS))));
    const { own } = await eventuallySteady(async () => {
      // Of what nobody has asked about yet it may ask by itself.
      await askAll();
      let last = performance.now();
      const before = await readings();
      let gap = 0;
      let asked = 0;
      const until = last + 4 * bounds.fence_look_milliseconds;
      while (last < until) {
        await askAll();
        asked += SHARDS;
        gap = Math.max(gap, performance.now() - last);
        last = performance.now();
      }
      return { own: (await readings()) - before - asked, longestGap: gap };
    });
    expect(own).toBe(0);
  });
});

/** Again, where the machine stood still for so long that the ledger was idle meanwhile. */
async function eventuallySteady<T extends { readonly longestGap: number }>(
  run: () => Promise<T>,
): Promise<T> {
  for (;;) {
    const ran = await run();
    if (ran.longestGap < bounds.fence_look_milliseconds / 2) return ran;
  }
}
