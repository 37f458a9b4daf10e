import { expect, test } from "bun:test";
import { moved, reversal, transaction } from "../support/ledger/commands.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { describeWithRedis, RedisStand } from "../support/redis-under-test.ts";
import { booksThat } from "./support/books-that.ts";

failOnLeaks();

const COUNT = 100;

describeWithRedis("reversals of transactions that were made together", () => {
  for (const isAtomic of [true, false])
    test(`read their batch once: ${isAtomic ? "all or none" : "each by itself"}`, async () => {
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
});
