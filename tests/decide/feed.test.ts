import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import type { Batch } from "../../src/carry/batch.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { describeWithRedis, RedisStand } from "../support/redis-under-test.ts";
import { credit, debit, expectAppliedOnce, settle } from "../support/ledger/settling.ts";

failOnLeaks();
setDefaultTimeout(60_000);

describeWithRedis("what the ledger publishes to the feed", () => {
  let stand: RedisStand;
  beforeEach(async () => {
    stand = await RedisStand.start({ shards: 2 });
  });
  afterEach(() => stand[Symbol.asyncDispose]());

  test("has the batches of the outbox: each one once, unchanged, in order of g, and refusals only under keys", async () => {
    const published: Batch[] = [];
    const ledger = await stand.ledger({ feed: { publish: (batch) => published.push(batch) } });
    for (let round = 0; round < 10; round += 1) {
      await Promise.all(
        Array.from({ length: 1 + round * 5 }, (_, index) =>
          ledger.submit(index % 3 === 0 ? debit(`${1 + (index % 5)}`, 60_000) : credit(`${1 + (index % 7)}`)),
        ),
      );
      await ledger.submit(debit("99"));
      await ledger.submit(debit("99", 1, `key:${round}`));
    }
    for (const shard of [0, 1]) {
      const outbox = await stand.outbox(shard);
      const own = () => published.filter((batch) => batch.shard === shard);
      await eventually("all is published", () => own().length >= outbox.length);
      expect(own()).toEqual(outbox.map((batch) => ({ epoch: "test", shard, ...batch })));
    }
  });

  test("of two ledgers is together the outbox", async () => {
    const published: Batch[] = [];
    const feed = { publish: (batch: Batch) => published.push(batch) };
    const ledgers = [await stand.ledger({ feed }), await stand.ledger({ feed })] as const;
    await Promise.all(
      Array.from({ length: 200 }, (_, index) => ledgers[index % 2 === 0 ? 0 : 1].submit(credit("2"))),
    );
    const outbox = await stand.outbox(0);
    await eventually("all is published", () => published.length >= outbox.length);
    expect(published.toSorted((a, b) => a.g - b.g)).toEqual(
      outbox.map((batch) => ({ epoch: "test", shard: 0, ...batch })),
    );
  });

  test("comes after the answers of its batch", async () => {
    const order: string[] = [];
    const ledger = await stand.ledger({ feed: { publish: () => order.push("feed") } });
    await ledger.submit(credit("1")).then(() => order.push("answer"));
    await eventually("it is published", () => order.length === 2);
    expect(order).toEqual(["answer", "feed"]);
  });

  test("may make it throw: no answer is lost or late, and nothing else fails", async () => {
    let thrown = 0;
    const ledger = await stand.ledger({
      feed: {
        publish: () => {
          thrown += 1;
          throw new Error("the feed is broken");
        },
      },
    });
    const answers = await Promise.all(Array.from({ length: 50 }, () => settle(ledger, credit("2"))));
    await ledger.submit(credit("1"));
    await eventually("it has thrown", () => thrown >= 2);
    expect(answers.every(({ outcome }) => !outcome.replayed)).toBe(true);
    expectAppliedOnce(answers, (await stand.events()).slice(0, 50));
    expect(ledger.readiness()).toEqual({ ready: true });
  });

  test("does not hold the next call up where it takes its time", async () => {
    const never = new Promise<never>(() => {});
    const feed = { publish: () => never };
    const ledger = await stand.ledger({ feed });
    for (let index = 0; index < 5; index += 1)
      expect(await ledger.submit(credit("1"))).toMatchObject({ result: { account: { seq: index + 1 } } });
    await ledger.close();
  });
});
