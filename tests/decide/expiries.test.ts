import { expect, test } from "bun:test";
import { parseEvent } from "../../src/ledger/event.ts";
import { held, hold, open, refused, resultOf, transaction } from "../support/ledger/commands.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { describeWithRedis, RedisStand } from "../support/redis-under-test.ts";

failOnLeaks();

const HOLDS = 2_000;

describeWithRedis("thousands of holds that are due at the same moment", () => {
  test("are ended before what is decided then, each once, however many calls it takes", async () => {
    await using stand = await RedisStand.start();
    const ledger = await stand.ledger();
    resultOf(await ledger.submit(open(0, { account: "a" })));
    resultOf(await ledger.submit(transaction([["@world", "a", HOLDS]])));
    const ids: string[] = [];
    while (ids.length < HOLDS) {
      const some = Array.from({ length: 500 }, () =>
        ledger.submit(hold("a", 1, { expiresInSeconds: 3_000 })),
      );
      ids.push(...(await Promise.all(some)).map((outcome) => held(outcome).id));
    }
    expect(await ledger.submit(hold("a", 1))).toEqual(refused("limit-exceeded", { account: "a" }));
    // They could not be made within the same second: so their time is brought forward.
    await stand.command(["ZINTERSTORE", EXPIRIES, "1", EXPIRIES, "WEIGHTS", "0"]);
    // Three at once, from two ledgers: each is right only after all of the holds have ended.
    const other = await stand.ledger();
    const [all, world, group] = await Promise.all([
      ledger.submit(transaction([["a", "@world", HOLDS]])),
      other.submit(transaction([["@world", "a", 2]])),
      other.submitAll([transaction([["@world", "a", 1]]), transaction([["a", "@world", 1]])]),
    ]);
    expect([all.type, world.type, group.type]).toEqual(["accepted", "accepted", "done"]);
    expect(await ledger.account("a")).toMatchObject({ balance: 2, held: 0 });
    const ended = (await stand.events())
      .map(parseEvent)
      .flatMap((event) => (event.type === "expiry" ? [event.hold] : []));
    expect(ended.toSorted()).toEqual(ids.toSorted());
    for (const batch of await stand.outbox())
      expect(batch.events.filter((event) => event.startsWith("e ")).length).toBeLessThanOrEqual(200);
  }, 60_000);
});

const EXPIRIES = "razonete:{0}:expiries";
