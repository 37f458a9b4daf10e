import { beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { bounds } from "../../src/bounds.ts";
import { BooksLook } from "../../src/metrics/books-look.ts";
import type { Transaction } from "../../src/ledger/transaction.ts";
import { ALL_HOLDS, ALL_TRANSACTIONS } from "../support/ledger/filters.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { AcrossBooks, idsOn } from "./support/across-books.ts";
import { booksUnderTest } from "./support/books-under-test.ts";
import { page, whole } from "./support/pages.ts";

setDefaultTimeout(60_000);

const [A = "", A2 = ""] = idsOn(0, "own:");
const [B = "", B2 = ""] = idsOn(1, "own:");
const [X = ""] = idsOn(1, "x:");

describe.skipIf(serversMissing !== null)("the books, read of transactions across shards", () => {
  const setup = booksUnderTest();
  let across: AcrossBooks;

  beforeEach(async () => {
    across = new AcrossBooks(setup);
    const [here, there] = across.sources;
    await across.keep(0, here.open(A, 1000), here.open(A2, 1000));
    await across.keep(1, there.open(B, 1000), there.open(B2, 1000), there.open(X, 1000));
  });

  async function sums() {
    const look = new BooksLook(setup.url);
    const [metric] = await look.unitSums();
    await look.close();
    const { units, transactions } = await setup.books.totals();
    const [first] = units;
    if (first === undefined) throw new Error("no unit");
    const { unit: _, ...each } = first;
    return { ...each, transactions, all: each.balances + each.world + each.inTransit, metric: metric?.sum };
  }
  const inOrder = { all: 0n, metric: 0 };

  test("entries on each shard tell the transaction's own id, in both orders and page by page", async () => {
    const [here, there] = across.sources;
    const inside = there.transaction([[B2, B, 1]]);
    await across.keep(1, inside);
    const { transaction } = await across.transfer(1, [
      [A, B, 40],
      ["@world", B, 5],
      [B, B2, 2],
    ]);
    await across.keep(0, here.entry(A, 3));
    for (const order of ["asc", "desc"] as const) {
      const { entries } = await setup.books.entries(B, page({ order }));
      const [first, ...rest] = order === "asc" ? entries : entries.toReversed();
      expect(first?.transaction).toMatch(/^t1-2-0-/);
      expect(
        rest.map(({ transaction: id, counterparty, balance, seq }) => [id, counterparty, balance, seq]),
      ).toEqual([
        [transaction, A, 41, 2],
        [transaction, "@world", 46, 3],
        [transaction, B2, 44, 4],
      ]);
    }
    const next = await setup.books.entries(B, page({ before: 4, count: 1 }));
    expect(next).toMatchObject({ keptSeq: 4, entries: [{ seq: 3, transaction }] });
    const { entries: atHome } = await setup.books.entries(A, page({ order: "asc" }));
    expect(atHome.map(({ transaction: id, counterparty }) => [id, counterparty])).toEqual([
      [transaction, B],
      [expect.stringMatching(/^t0-/), "@world"],
    ]);
    expect(transaction).toMatch(/^t0-2-0-/);
  });

  test("lists have each transaction once, with all of its postings", async () => {
    const details = { reference: "r", description: "both", metadata: { a: "1" } };
    const both = [
      [A, B, 40],
      [B, B2, 2],
    ] as const;
    const there = await across.transfer(1, both, details);
    const back = await across.transfer(0, [[B, A, 1]], details);
    const withX = await across.transfer(1, [[A, X, 7]], details);
    const undone = await across.prepare(1, [[A, B, 40]], details);
    await across.keep(1, across.sources[1].undo(undone));
    await across.prepare(1, [[A, B, 3]], details);
    const inside = across.sources[1].transaction([[B, B2, 1]], { reference: "r" });
    const { transaction: insideId } = across.sources[1].latest;
    await across.keep(1, inside);

    const [t1, t2, t3] = [there.transaction, back.transaction, withX.transaction];
    const own = { idBeginning: "own:" };
    const late = back.decidedAt;
    async function expectLists(): Promise<void> {
      for (const [filter, expected] of [
        [{}, [t1, t2, t3, insideId]],
        [{ reference: "r" }, [t1, t2, t3, insideId]],
        [{ account: A }, [t1, t2, t3]],
        [{ account: B }, [t1, t2, insideId]],
        [{ account: B2 }, [t1, insideId]],
        [{ account: B, reference: "r" }, [t1, t2, insideId]],
        [own, [t1, t2, insideId]],
        [{ ...own, reference: "r" }, [t1, t2, insideId]],
        [{ ...own, account: B }, [t1, t2, insideId]],
        [{ fromTime: late }, [t2, t3, insideId]],
        [{ beforeTime: late }, [t1]],
        [{ ...own, fromTime: late }, [t2, insideId]],
        [{ ...own, beforeTime: late }, [t1]],
        [{ reference: "r", beforeTime: late }, [t1]],
      ] as const)
        for (const count of [1, 2, 100]) {
          const read = (of: { count: number; after: string | null }) =>
            setup.books.transactions({ ...ALL_TRANSACTIONS, ...filter }, of);
          const found = "idBeginning" in filter ? await filled(read, count) : await whole(read, count);
          const ids = found.map(({ id }) => id);
          expect({ filter, count, ids: ids.toSorted() }).toEqual({ filter, count, ids: expected.toSorted() });
          const one = found.find(({ id }) => id === t1);
          if (one === undefined) continue;
          const postings = both.map(([from, to, amount]) => ({ from, to, amount }));
          expect(one).toEqual({
            id: t1,
            postings,
            ...details,
            reverses: null,
            hold: null,
            time: there.decidedAt,
          });
        }
    }
    await expectLists();
    // Of so many that they are looked for in all there is.
    await setup.sql`
      INSERT INTO accounts (account, unit, credit_limit, balance, seq, opened_at, command)
      SELECT 'own:z' || n, 'MANY', 0, 0, 0, 1, 'req:many' FROM generate_series(1, ${bounds.list_own_accounts_max}::integer) AS n`;
    await expectLists();
  });

  test("a hold that is captured for another shard is listed once, and both its transaction's sides tell it", async () => {
    const [here, there] = across.sources;
    const made = here.hold(A, 50, { to: B });
    const { hold } = here.latest;
    await across.keep(0, made);
    const attempt = await across.prepare(1, [[A, B, 30]]);
    const captured = here.capture(hold, [[B, 30]], { across: { attempt, shards: [1] } });
    const { transaction, time } = here.latest;
    await across.keep(0, captured);
    const open = await setup.books.totals();
    expect(open.units).toMatchObject([{ balances: -30n, world: 0n, inTransit: 30n }]);
    await across.keep(1, there.finish(attempt, { transaction, decidedAt: time, hold }));
    for (const filter of [ALL_HOLDS, { ...ALL_HOLDS, account: A }, { ...ALL_HOLDS, idBeginning: "own:" }]) {
      const { items } = await setup.books.holds(filter, { count: 10, after: null });
      expect(items).toMatchObject([
        { id: hold, state: "captured", captured: 30, transaction, from: A, to: B },
      ]);
    }
    for (const account of [A, B]) {
      const read = await setup.books.transactions(
        { ...ALL_TRANSACTIONS, account },
        { count: 10, after: null },
      );
      expect(read.items).toMatchObject([{ id: transaction, hold, time }]);
    }
    const [entry] = (await setup.books.entries(B, page())).entries;
    expect(entry).toMatchObject({ transaction, counterparty: A, value: 30 });
    expect(await sums()).toMatchObject({ ...inOrder, inTransit: 0n, transactions: 1 });
  });

  test("what is in transit is told at each step, and the sums are 0 with it", async () => {
    const moves = [
      [A, B, 40],
      ["@world", A, 7],
      ["@world", B, 2],
    ] as const;
    const nothing = { ...inOrder, balances: 0n, world: 0n, inTransit: 0n };
    const attempt = await across.prepare(1, moves);
    expect(await sums()).toEqual({ ...nothing, transactions: 0 });
    const decided = await across.decide(attempt, moves);
    expect(await sums()).toEqual({ ...inOrder, balances: -33n, world: -7n, inTransit: 40n, transactions: 1 });
    await across.finish(attempt, decided);
    expect(await sums()).toEqual({ ...inOrder, balances: 9n, world: -9n, inTransit: 0n, transactions: 1 });
  });

  test("what arrives in the books before it was taken counts the other way", async () => {
    const moves = [[A, B, 40]] as const;
    const attempt = await across.prepare(1, moves);
    const event = across.sources[0].transaction(moves, { across: { attempt, shards: [1] } });
    const { transaction, time } = across.sources[0].latest;
    await across.finish(attempt, { transaction, decidedAt: time, hold: null });
    expect(await sums()).toEqual({ ...inOrder, balances: 40n, world: 0n, inTransit: -40n, transactions: 0 });
    await across.keep(0, event);
    expect(await sums()).toEqual({ ...inOrder, balances: 0n, world: 0n, inTransit: 0n, transactions: 1 });
  });

  test("rows that were changed by hand are seen, of accounts and of what is in transit", async () => {
    const decided = await across.transfer(1, [[A, B, 40]]);
    expect(decided.hold).toBeNull();
    await setup.sql`UPDATE from_shards SET amount = amount + 1 WHERE shard = 1`;
    expect(await sums()).toMatchObject({ all: -1n, metric: -1 });
    await setup.sql`UPDATE from_shards SET amount = amount - 1 WHERE shard = 1`;
    await setup.sql`UPDATE accounts SET from_others = from_others + 1 WHERE account = ${B}`;
    expect(await sums()).toMatchObject({ all: 1n, metric: 1 });
  });

  test("a balance at a time has what had arrived by then", async () => {
    await across.transfer(1, [[A, B, 40]]);
    const [entry] = (await setup.books.entries(B, page())).entries;
    const time = entry?.time ?? 0;
    expect(await setup.books.balanceAt(B, time - 1)).toMatchObject({ balance: 0, seq: 0 });
    expect(await setup.books.balanceAt(B, time)).toMatchObject({ balance: 40, seq: 1 });
  });
});

/** Pages may have fewer than are asked for. */
async function filled(
  read: (page: { count: number; after: string | null }) => Promise<{
    readonly items: readonly Transaction[];
    readonly next: string | null;
  }>,
  count: number,
): Promise<Transaction[]> {
  const all: Transaction[] = [];
  let after: string | null = null;
  do {
    const { items, next }: { items: readonly Transaction[]; next: string | null } = await read({
      count,
      after,
    });
    all.push(...items);
    after = next;
  } while (after !== null);
  return all;
}
