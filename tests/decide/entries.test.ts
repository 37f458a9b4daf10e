import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import type { RedisLedger } from "../../src/decide/redis-ledger.ts";
import { LedgerUnavailable } from "../../src/ledger/ledger.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { Random, testSeed } from "../support/random.ts";
import { booksThat, newest } from "./support/books-that.ts";
import { describeWithRedis, RedisStand } from "../support/redis-under-test.ts";
import { credit, settle } from "../support/ledger/settling.ts";

failOnLeaks();
setDefaultTimeout(60_000);

const seed = testSeed();

describeWithRedis(`the entries, of books and outbox, seed ${seed}`, () => {
  let stand: RedisStand;
  beforeEach(async () => {
    stand = await RedisStand.start();
  });
  afterEach(() => stand[Symbol.asyncDispose]());

  async function seqs(ledger: RedisLedger, before: number | null, count: number): Promise<number[]> {
    const page = await ledger.entries("1", { ...newest(count), before });
    return (page ?? []).map((entry) => entry.seq);
  }

  const down = (from: number, count: number) =>
    Array.from({ length: Math.max(0, Math.min(count, from)) }, (_, index) => from - index);

  test("is whole wherever the books end: no page lacks an entry, or has one twice", async () => {
    const ledger = await stand.ledger();
    for (let index = 0; index < 40; index += 1) await ledger.submit(credit("1"));
    for (const kept of [0, 1, 15, 14, 9, 1]) {
      if (kept > 0) await stand.books.keep(0, kept);
      for (const before of [null, 41, 40, 31, 30, 17, 16, 2, 1])
        for (const count of [1, 9, 10, 11, 40, 100])
          expect(await seqs(ledger, before, count)).toEqual(down((before ?? 41) - 1, count));
    }
    expect(stand.books.lastG).toEqual([40]);
  });

  test("is whole while commands come in, and the writer keeps and trims beneath it", async () => {
    const random = new Random(seed);
    const ledger = await stand.ledger();
    const state = { done: false, answered: 0 };
    const writer = (async () => {
      while (!state.done) {
        await stand.books.keep(0, random.integer(1, 40));
        await Bun.sleep(random.integer(0, 4));
      }
    })();
    const clients = Promise.all(
      Array.from({ length: 8 }, async () => {
        for (let index = 0; index < 60; index += 1) {
          await settle(ledger, credit("1"));
          state.answered += 1;
        }
      }),
    );
    let read = 0;
    const reader = (async () => {
      while (!state.done) {
        const answered = state.answered;
        const count = random.integer(1, 100);
        // It may give up where it was overtaken again and again; it may not give half a page.
        const page = await seqs(ledger, null, count).catch((error: unknown) => {
          expect(error).toBeInstanceOf(LedgerUnavailable);
          return null;
        });
        if (page === null) continue;
        read += 1;
        const first = page[0] ?? 0;
        // What was answered before is in it.
        expect(first).toBeGreaterThanOrEqual(answered);
        expect(page).toEqual(down(first, count));
      }
    })();
    await clients;
    state.done = true;
    await Promise.all([writer, reader]);
    expect(read).toBeGreaterThan(0);
    expect(await seqs(ledger, null, 100)).toEqual(down(480, 100));
  });

  test("is read again if the writer kept and trimmed between two reads", async () => {
    const ledger = await stand.ledger({
      books: booksThat(stand.books, {
        // Asked first, then overtaken: by the time the outbox is read, half of it is gone.
        entries: async (account, page) => {
          const answer = await stand.books.entries(account, page);
          await stand.books.keep(0, 10);
          return answer;
        },
      }),
    });
    for (let index = 0; index < 30; index += 1) await ledger.submit(credit("1"));
    expect(await seqs(ledger, null, 100)).toEqual(down(30, 100));
  });

  test("is refused where the books are away, and says that nothing was changed", async () => {
    const ledger = await stand.ledger();
    await ledger.submit(credit("1"));
    stand.books.away = true;
    expect(await seqs(ledger, null, 1).catch((error: unknown) => error)).toMatchObject({ outcome: "none" });
    stand.books.away = false;
    expect(await seqs(ledger, null, 1)).toEqual([1]);
  });
});
