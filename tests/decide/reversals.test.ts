import { expect, test } from "bun:test";
import { moved, reversal, transaction } from "../support/ledger/commands.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { describeWithRedis, RedisStand } from "../support/redis-under-test.ts";
import { booksThat } from "./support/books-that.ts";

failOnLeaks();

const COUNT = 100;

describeWithRedis("reversals", () => {
  for (const isAtomic of [true, false])
    test(`of transactions that were made together read their batch once: ${isAtomic ? "all or none" : "each by itself"}`, async () => {
      await using stand = await RedisStand.start();
      let reads = 0;
      const books = booksThat(stand.books, {
        batch: (...place) => {
          reads += 1;
          return stand.books.batch(...place);
        },
      });
      const ledger = await stand.ledger({ books });
      const made = await ledger.submitAll(
        Array.from({ length: COUNT }, () => transaction([["@world", "1", 1]])),
      );
      if (made.type !== "done") throw new Error("refused");
      await stand.books.keep(0, 10);
      const reversals = made.outcomes.map((outcome) => reversal(moved(outcome).transaction.id));
      if (isAtomic) expect(await ledger.submitAll(reversals)).toMatchObject({ type: "done" });
      else
        for (const outcome of await Promise.all(reversals.map((one) => ledger.submit(one)))) moved(outcome);
      expect(reads).toBeLessThan(5);
      expect(await ledger.account("1")).toMatchObject({ balance: 0, seq: 2 * COUNT });
    });

  test("that cannot be looked up: nothing is done, but behind a balancer another API may do it", async () => {
    await using stand = await RedisStand.start();
    const books = booksThat(stand.books, { batch: () => Promise.reject(new Error("away")) });
    const alone = await stand.ledger({ books });
    const behindBalancer = await stand.ledger({ books, balancerResends: true });
    const made = moved(await alone.submit(transaction([["@world", "1", 1]])));
    await stand.books.keep(0, 10);
    const taken = reversal(made.transaction.id);
    for (const [ledger, outcome] of [
      [alone, "none"],
      [behindBalancer, "unknown"],
    ] as const) {
      const told = {
        outcome,
        message: "the books in PostgreSQL cannot be read",
      };
      expect(await rejection(ledger.submit(taken))).toMatchObject(told);
      expect(await rejection(ledger.submitAll([taken]))).toMatchObject(told);
      expect(await ledger.submitEach([taken])).toMatchObject([{ status: "rejected", reason: told }]);
    }
  });
});

function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => null,
    (error: unknown) => error,
  );
}
