import { describe, expect, test } from "bun:test";
import { Divergence } from "../../src/keep/divergence.ts";
import type { BooksUnderTest } from "./support/books-under-test.ts";

/** The section of the books' tests about batches that do not fit. */
export function divergenceSection(setup: BooksUnderTest): void {
  describe("a divergence keeps nothing and says where it is", () => {
    const outbox = () => [setup.source.batch("2", 1), setup.source.batch("1", 500)];

    async function expectDivergence(account: string | null, seq: number | null): Promise<void> {
      const error: unknown = await setup.books.keep(0, outbox()).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(Divergence);
      expect(error).toMatchObject({ account, seq, shard: 0 });
      expect((await setup.books.fence())?.lastG).toEqual([0, 0]);
      expect(await setup.accountRow("2")).toMatchObject({ seq: 0, balance: 0 });
    }

    test("a row that already exists", async () => {
      await setup.sql`
      INSERT INTO entries (account, seq, kind, value, balance, credit_limit, description, command, time, shard, g, event)
      VALUES ('1', 1, 'credit', 5, 5, 100000, 'x', 'req:x', 1, 0, 1, 0)`;
      await expectDivergence("1", 1);
    });

    test("another balance", async () => {
      await setup.sql`UPDATE accounts SET balance = 7 WHERE account = '1'`;
      await expectDivergence("1", 1);
    });

    test("another seq", async () => {
      await setup.sql`UPDATE accounts SET seq = 7 WHERE account = '1'`;
      await expectDivergence("1", 1);
    });

    test("another limit", async () => {
      await setup.sql`UPDATE accounts SET credit_limit = 7 WHERE account = '1'`;
      await expectDivergence("1", 1);
    });

    test("something held", async () => {
      await setup.sql`UPDATE accounts SET held = 7 WHERE account = '1'`;
      await expectDivergence("1", 1);
    });

    test("another state", async () => {
      await setup.sql`UPDATE accounts SET state = 'frozen' WHERE account = '1'`;
      await expectDivergence("1", 1);
    });

    test("no such account", async () => {
      await setup.sql`DELETE FROM accounts WHERE account = '1'`;
      await expectDivergence("1", 1);
    });

    for (const id of ["{}", "{a}:b.c-d_E", "NULL", "12"]) {
      test(`an account whose id is ${id}`, async () => {
        await setup.books.keep(0, [setup.source.close([setup.source.open(id, 100)])]);
        const batch = setup.source.batch(id, 500);
        await setup.sql`UPDATE accounts SET balance = 7 WHERE account = ${id}`;
        const place = { name: "Divergence", shard: 0, g: 2, account: id, seq: 1 };
        expect(await failure(setup.books.keep(0, [batch]))).toMatchObject(place);
        await setup.sql`UPDATE accounts SET balance = 0 WHERE account = ${id}`;
        await setup.sql`
        INSERT INTO entries (account, seq, kind, value, balance, credit_limit, description, command, time, shard, g, event)
        VALUES (${id}, 1, 'credit', 5, 5, 100000, 'x', 'req:x', 1, 0, 1, 0)`;
        expect(await failure(setup.books.keep(0, [batch]))).toMatchObject(place);
      });
    }

    test("a journal without the row at the cursor", async () => {
      await setup.books.keep(0, [setup.source.batch("1", 10)]);
      await setup.sql`DELETE FROM journal WHERE g = 1`;
      expect(String(await failure(setup.books.keep(0, [setup.source.batch("1", 20)])))).toContain(
        "the books differ from the outbox at shard 0, batch 1: the journal has no such row",
      );
      expect(await setup.entryCount()).toBe(1);
    });

    test("a limit that was passed", async () => {
      const passed = `d 2 1 5 80001 -80001 80000 req:x x`;
      const error: unknown = await setup.books
        .keep(0, [{ epoch: "e", shard: 0, g: 1, events: [passed] }])
        .catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(Divergence);
      expect(await setup.entryCount()).toBe(0);
    });

    test("a value of 0; its description cannot say another place", async () => {
      const nothing = { epoch: "e", shard: 0, g: 1, events: ["c 2 1 5 0 0 80000 req:x (9, 9)"] };
      expect(await failure(setup.books.keep(0, [nothing]))).toMatchObject({ g: 1, account: null, seq: null });
    });

    test("a chain that is broken in the outbox itself", async () => {
      setup.source.batch("1", 500);
      const broken = setup.source.batch("1", 500);
      const error: unknown = await setup.books
        .keep(0, [{ ...broken, g: 1, events: [...broken.events, ...broken.events] }])
        .catch((reason: unknown) => reason);
      expect(error).toMatchObject({ name: "Divergence", account: "1", seq: 3 });
    });

    test("an event that is none", async () => {
      const error: unknown = await setup.books
        .keep(0, [setup.source.close(["nonsense"])])
        .catch((reason: unknown) => reason);
      expect(error).toMatchObject({ name: "Divergence", account: null, g: 1 });
    });
  });
}

export function failure(work: Promise<unknown>): Promise<unknown> {
  return work.catch((reason: unknown) => reason);
}
