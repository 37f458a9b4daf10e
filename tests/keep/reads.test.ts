import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { AccountFilter, HoldFilter, TransactionFilter } from "../../src/ledger/ledger.ts";
import { bounds } from "../../src/bounds.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { booksUnderTest } from "./support/books-under-test.ts";
import { ALL_ACCOUNTS, ALL_HOLDS, ALL_TRANSACTIONS } from "../support/ledger/filters.ts";
import { page, whole } from "./support/pages.ts";

setDefaultTimeout(60_000);

describe.skipIf(serversMissing !== null)("the books, read", () => {
  const setup = booksUnderTest();

  test("entries by seq and by time, in both orders", async () => {
    const { source } = setup;
    for (let value = 1; value <= 9; value += 1)
      await setup.keep(source.entry("1", value), source.entry("2", 1));
    const all = (await setup.books.entries("1", page({ order: "asc" }))).entries;
    const timeOf = (seq: number) => all[seq - 1]?.time ?? Number.NaN;
    const seqs = async (changes: Parameters<typeof page>[0]) =>
      (await setup.books.entries("1", page(changes))).entries.map(({ seq }) => seq);
    expect(await seqs({})).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1]);
    expect(await seqs({ count: 2, order: "asc" })).toEqual([1, 2]);
    expect(await seqs({ from: 4, before: 7 })).toEqual([6, 5, 4]);
    expect(await seqs({ from: 4, count: 2, order: "asc" })).toEqual([4, 5]);
    expect(await seqs({ from: 10 })).toEqual([]);
    for (const seq of [1, 2, 5, 9]) {
      expect(await seqs({ fromTime: timeOf(seq), order: "asc", count: 1 })).toEqual([seq]);
      expect(await seqs({ fromTime: timeOf(seq) - 1, order: "asc", count: 1 })).toEqual([seq]);
      expect(await seqs({ fromTime: timeOf(seq) + 1, order: "asc", count: 1 })).toEqual(
        seq === 9 ? [] : [seq + 1],
      );
      expect(await seqs({ beforeTime: timeOf(seq), count: 1 })).toEqual(seq === 1 ? [] : [seq - 1]);
      expect(await seqs({ beforeTime: timeOf(seq) + 1, count: 1 })).toEqual([seq]);
    }
    expect(await seqs({ fromTime: timeOf(3), beforeTime: timeOf(7), before: 6 })).toEqual([5, 4, 3]);
  });

  test("by time no more rows are read than a search in so many takes", async () => {
    const { source } = setup;
    for (let g = 0; g < 10; g += 1)
      await setup.books.keep(0, [source.batch("1", ...Array.from({ length: 1000 }, () => 1))]);
    await setup.sql`VACUUM ANALYZE`;
    const [entry] = (await setup.books.entries("1", page({ before: 5_001, count: 1 }))).entries;
    const explain = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON)";
    const query = `${explain} SELECT first_seq('1', 10000, ${entry?.time})`;
    await setup.sql.unsafe(query);
    const plan = JSON.stringify(await setup.sql.unsafe(query));
    // 14 steps, each with some blocks of the key and one of the table.
    expect(Number(/"Shared Hit Blocks": ?(\d+)/.exec(plan)?.[1])).toBeWithin(14, 14 * 5);
    expect(await setup.sql.unsafe(`SELECT first_seq('1', 10000, ${entry?.time}) AS seq`)).toMatchObject([
      { seq: 5000 },
    ]);
  });

  test("an account's balance as it stood at a time", async () => {
    const { source } = setup;
    await setup.keep(source.entry("1", 5), source.transaction([["1", "2", 2]]));
    const [first, second] = (await setup.books.entries("1", page({ order: "asc" }))).entries;
    if (first === undefined || second === undefined) throw new Error("two entries");
    const at = (time: number) => setup.books.balanceAt("1", time);
    const none = { id: "1", unit: "BRL/2", balance: 0, seq: 0 };
    expect(await at(0)).toEqual(none);
    expect(await at(first.time - 1)).toEqual(none);
    expect(await at(first.time)).toEqual({ ...none, balance: 5, seq: 1 });
    expect(await at(second.time)).toEqual({ ...none, balance: 3, seq: 2 });
    expect(await at(Number.MAX_SAFE_INTEGER)).toEqual({ ...none, balance: 3, seq: 2 });
    expect(await setup.books.balanceAt("nobody", 0)).toBeNull();
  });

  test("accounts by id, by what they are", async () => {
    const { source } = setup;
    const unit = "LIST";
    await setup.keep(
      source.open("d", 0, null, { unit }),
      source.open("a", 0, "Ana", { unit, metadata: { tier: "gold", city: "Rio" } }),
      source.open("c", 0, "ana", { unit, metadata: { tier: "silver" } }),
      source.open("b", 0, "Anita%_", { unit, metadata: { tier: "gold" } }),
      source.entry("b", 20),
      source.entry("c", 30),
      source.change("d", { state: "frozen" }),
    );
    const expectIds = async (filter: Partial<AccountFilter>, ids: readonly string[]) => {
      for (const count of [1, 2, 100]) {
        const all = await whole(
          (at) => setup.books.accounts({ ...ALL_ACCOUNTS, unit, ...filter }, at),
          count,
        );
        expect(all.map(({ id }) => id)).toEqual([...ids]);
      }
    };
    await expectIds({}, ["a", "b", "c", "d"]);
    await expectIds({ unit: "BRL/2" }, ["1", "2", "3", "4", "5"]);
    await expectIds({ unit: null }, ["1", "2", "3", "4", "5", "a", "b", "c", "d"]);
    await expectIds({ state: "frozen" }, ["d"]);
    await expectIds({ name: "An" }, ["a", "b"]);
    await expectIds({ name: "Anita%" }, ["b"]);
    await expectIds({ name: "%" }, []);
    await expectIds({ metadata: { tier: "gold" } }, ["a", "b"]);
    await expectIds({ metadata: { tier: "gold", city: "Rio" } }, ["a"]);
    await expectIds({ metadata: { "ti'er": '"' } }, []);
    await expectIds({ balanceGreaterThan: 0, balanceLessThan: 30 }, ["b"]);
    await expectIds({ order: "name" }, ["a", "b", "c", "d"]);
    await expectIds({ order: "name", name: "An", state: "open" }, ["a", "b"]);
    await expectIds({ order: "balance" }, ["a", "d", "b", "c"]);
    await expectIds({ order: "-balance" }, ["c", "b", "a", "d"]);
    await expectIds({ order: "-balance", idBeginning: "b" }, ["b"]);
    await expectIds({ order: "-balance", unit: null }, ["c", "b", "1", "2", "3", "4", "5", "a", "d"]);
    await expectIds({ order: "name", unit: null }, ["a", "b", "c", "1", "2", "3", "4", "5", "d"]);
    const { items } = await setup.books.accounts({ ...ALL_ACCOUNTS, name: "Ana" }, { count: 1, after: null });
    const [latest] = (await setup.books.entries("b", page())).entries;
    expect(items).toMatchObject([
      { id: "a", name: "Ana", metadata: { tier: "gold", city: "Rio" }, held: 0, seq: 0 },
    ]);
    expect(
      (await setup.books.accounts({ ...ALL_ACCOUNTS, name: "Anita" }, { count: 1, after: null })).items,
    ).toMatchObject([{ id: "b", balance: 20, seq: 1, time: latest?.time ?? 0 }]);
  });

  test("of very many accounts a page looks through some, and the next one goes on after those", async () => {
    const max = bounds.list_accounts_rows_max;
    // Ids that come after all others, of which only the last one is wanted.
    await setup.sql`
      INSERT INTO accounts (account, unit, credit_limit, balance, seq, opened_at, command)
      SELECT 'z' || to_char(n, 'FM0000000'), CASE n WHEN ${max + 1}::integer THEN 'RARE' ELSE 'MANY' END, 0, 0, 0, 1, 'req:many'
      FROM generate_series(1, ${max + 1}::integer) AS n`;
    const rare = { ...ALL_ACCOUNTS, unit: "RARE" };
    const first = await setup.books.accounts(rare, { count: 1, after: null });
    expect(first.items).toEqual([]);
    expect(first.next).toMatch(/^z0\d+$/);
    const second = await setup.books.accounts(rare, { count: 1, after: first.next });
    expect(second).toMatchObject({ items: [{ id: `z0${max + 1}` }], next: null });
    const exact = await setup.books.accounts(rare, { count: 1, after: "z0000001" });
    expect(exact).toMatchObject({ items: [{ id: `z0${max + 1}` }], next: `z0${max + 1}` });
    expect(await setup.books.accounts(rare, { count: 1, after: exact.next })).toEqual({
      items: [],
      next: null,
    });
  });

  test("transactions, newest first: all, of a reference, an account, a time", async () => {
    const { source } = setup;
    const done: { id: string; time: number }[] = [];
    const note = (text: string): string => {
      const id = source.latest.transaction;
      done.push({ id, time: 0 });
      return text;
    };
    // Several in a batch, batches without any, several shards.
    const hold = source.hold("4", 50);
    const held = source.latest.hold;
    await setup.keep(hold, note(source.entry("1", 100)), source.refusal("1"));
    await setup.keep(source.refusal("1"));
    await setup.keep(
      note(
        source.transaction(
          [
            ["1", "2", 3],
            ["2", "1", 1],
            ["1", "2", 3],
          ],
          { reference: "r" },
        ),
      ),
      note(source.entry("3", 1)),
      note(source.capture(held, [["2", 50]], { reference: "r" })),
      source.change("1", { limit: 5 }),
    );
    await setup.keep(note(source.transaction([["2", "3", 1]], { reference: "s" })));
    const all = await whole((at) => setup.books.transactions(ALL_TRANSACTIONS, at), 100);
    expect(all.map(({ id }) => id)).toEqual(done.map(({ id }) => id).toReversed());
    const [fifth, fourth, third, second, first] = all;
    if (!first || !second || !third || !fourth || !fifth) throw new Error("five");
    const expectList = async (filter: Partial<TransactionFilter>, expected: readonly { id: string }[]) => {
      for (const count of [1, 2, 3, 100]) {
        const found = await whole(
          (at) => setup.books.transactions({ ...ALL_TRANSACTIONS, ...filter }, at),
          count,
        );
        expect(found.map(({ id }) => id)).toEqual(expected.map(({ id }) => id));
      }
    };
    await expectList({}, all);
    await expectList({ reference: "r" }, [fourth, second]);
    await expectList({ reference: "none" }, []);
    await expectList({ account: "1" }, [second, first]);
    await expectList({ account: "2" }, [fifth, fourth, second]);
    await expectList({ account: "3", reference: "s" }, [fifth]);
    await expectList({ account: "3", reference: "r" }, []);
    await expectList({ account: "nobody" }, []);
    for (const of of [{}, { account: "2" }, { reference: "r" }]) {
      const listed = all.filter(({ id }) => {
        if ("account" in of) return [fifth, fourth, second].some((each) => each.id === id);
        return "reference" in of ? id === fourth.id || id === second.id : true;
      });
      for (const { time } of all)
        for (const [fromTime, beforeTime] of [
          [time, null],
          [time + 1, null],
          [null, time],
          [null, time + 1],
          [second.time, time],
        ] as const)
          await expectList(
            { ...of, fromTime, beforeTime },
            listed.filter((each) => each.time >= (fromTime ?? 0) && each.time < (beforeTime ?? 1e16)),
          );
    }
    expect(second).toMatchObject({ reference: "r", postings: [{ from: "1" }, { from: "2" }, { from: "1" }] });
    expect(fourth.hold).toBe(held);
    for (const filter of [ALL_TRANSACTIONS, { ...ALL_TRANSACTIONS, account: "1" }])
      expect(await setup.books.transactions(filter, { count: 1, after: "nonsense" })).toEqual({
        items: [],
        next: null,
      });
  });

  test("a stretch of the journal without transactions is passed, and a very long one ends a page", async () => {
    const { source } = setup;
    await setup.keep(source.entry("1", 1));
    const { length } = Array.from({ length: bounds.list_journal_rows_max + 2_000 });
    await setup.sql`
      INSERT INTO journal (shard, g, time, events, previous, hash)
      SELECT 0, g, 1700000001000000 + g, ARRAY['x 1 limit-exceeded key:x content'], previous, hash
      FROM generate_series(2, ${length}) AS g, (SELECT previous, hash FROM journal WHERE shard = 0 AND g = 1) AS j`;
    await setup.sql`UPDATE cursors SET last_g = ${length} WHERE shard = 0`;
    const first = await setup.books.transactions(ALL_TRANSACTIONS, { count: 1, after: null });
    expect(first.items).toEqual([]);
    expect(first.next).not.toBeNull();
    const second = await setup.books.transactions(ALL_TRANSACTIONS, { count: 1, after: first.next });
    expect(second.items).toHaveLength(1);
    expect(second.next).toBeNull();
  });

  test("what a restore has put in place of lost batches is later than what follows on it, and hides none of that", async () => {
    const { source } = setup;
    const times: number[] = [];
    for (let round = 0; round < 40; round += 1) {
      const text = source.entry("1", 1);
      times.push(Number(text.split(" ", 4)[3]));
      await setup.keep(text);
      // A gap in g, too.
      source.g += 2;
      const batch = source.close([`m 1800000000000000 ${source.g - 1} ${source.g + 1}`]);
      await setup.sql`
        INSERT INTO journal (shard, g, time, events, previous, hash)
        SELECT 0, ${batch.g}, 1800000000000000, ARRAY[${batch.events[0] ?? ""}], hash, sha256(hash)
        FROM journal WHERE shard = 0 AND g = ${batch.g - 3}`;
      await setup.sql`UPDATE cursors SET last_g = ${batch.g} WHERE shard = 0`;
    }
    for (const [index, time] of times.entries()) {
      const since = { ...ALL_TRANSACTIONS, fromTime: time };
      const until = { ...ALL_TRANSACTIONS, beforeTime: time };
      const ids = async (filter: TransactionFilter) =>
        (await setup.books.transactions(filter, { count: 100, after: null })).items.map((one) => one.time);
      expect(await ids(since)).toEqual(times.slice(index).toReversed());
      expect(await ids(until)).toEqual(times.slice(0, index).toReversed());
    }
  });

  test("holds, newest first: of an account, in a state, over shards", async () => {
    const { source } = setup;
    const ids: string[] = [];
    const hold = (account: string) => {
      const text = source.hold(account, 1);
      ids.push(source.latest.hold);
      return text;
    };
    await setup.keep(hold("1"), hold("2"), hold("1"));
    await setup.keep(hold("3"), source.release(ids[1] ?? ""));
    await setup.sql`
      INSERT INTO holds SELECT 1, g, event, time + 1, 'elsewhere', recipient, amount, captured, state, expires_at,
        command, details, ended_g, ended_event, ended_at FROM holds WHERE account = '3'`;
    await setup.sql`UPDATE cursors SET last_g = 9 WHERE shard = 1`;
    const [a, b, c, d] = ids;
    const elsewhere = (d ?? "").replace(/^h0-2-0-(\d+)$/, (_, micros) => `h1-2-0-${Number(micros) + 1}`);
    const expectList = async (filter: Partial<HoldFilter>, expected: readonly (string | undefined)[]) => {
      for (const count of [1, 2, 3, 100]) {
        const found = await whole((at) => setup.books.holds({ ...ALL_HOLDS, ...filter }, at), count);
        expect(found.map(({ id }) => id)).toEqual(expected.map(String));
      }
    };
    await expectList({}, [elsewhere, d, c, b, a]);
    await expectList({ state: "open" }, [elsewhere, d, c, a]);
    await expectList({ state: "released" }, [b]);
    await expectList({ state: "expired" }, []);
    await expectList({ account: "2" }, [b]);
    await expectList({ account: "2", state: "open" }, []);
    expect(await setup.books.holds(ALL_HOLDS, { count: 1, after: "nonsense" })).toEqual({
      items: [],
      next: null,
    });
  });

  test("a page goes on where it was, whatever came meanwhile", async () => {
    const { source } = setup;
    await setup.keep(source.hold("1", 1), source.entry("2", 1));
    await setup.keep(source.hold("1", 1), source.entry("2", 1));
    const holds = await setup.books.holds(ALL_HOLDS, { count: 1, after: null });
    const transactions = await setup.books.transactions(ALL_TRANSACTIONS, { count: 1, after: null });
    await setup.keep(source.hold("3", 1), source.entry("2", 1), source.entry("4", 1));
    expect(holds.items.map(({ id }) => id.slice(0, 6))).toEqual(["h0-2-0"]);
    const nextHolds = await setup.books.holds(ALL_HOLDS, { count: 5, after: holds.next });
    expect(nextHolds.items.map(({ id }) => id.slice(0, 6))).toEqual(["h0-1-0"]);
    const nextTransactions = await setup.books.transactions(ALL_TRANSACTIONS, {
      count: 5,
      after: transactions.next,
    });
    expect(nextTransactions.items.map(({ id }) => id.slice(0, 6))).toEqual(["t0-1-1"]);
  });

  test("totals of each unit are exact beyond what a number holds, and the outside's are the same", async () => {
    const { source } = setup;
    const max = Number.MAX_SAFE_INTEGER;
    expect(await setup.books.totals()).toEqual({
      accounts: 5,
      transactions: 0,
      units: [{ unit: "BRL/2", balances: 0n, world: 0n, inTransit: 0n }],
      lastG: [0, 0],
    });
    await setup.keep(
      ...["a", "b", "c"].flatMap((id) => [source.open(id, 0, null, { unit: "X" }), source.entry(id, max)]),
      // Twice the largest amount comes in, and goes out again.
      source.entry("a", -max),
      source.entry("a", max),
      source.transaction([["b", "@world", 4]]),
      source.transaction([["1", "2", 5]]),
      source.entry("1", 7),
      source.hold("2", 3),
    );
    // What goes from account to account is beyond it as well: in one transaction of the writer, and in two.
    for (let round = 0; round < 2; round += 1)
      await setup.keep(
        ...["d", "e"].flatMap((id) => (round === 0 ? [source.open(id, 0, null, { unit: "X" })] : [])),
        ...["", ""].flatMap(() => [
          source.entry("d", max),
          source.transaction([["d", "e", max]]),
          source.entry("e", -max),
        ]),
      );
    expect(await setup.sql`SELECT from_others FROM accounts WHERE account = 'd'`).toMatchObject([
      { from_others: String(-4n * BigInt(max)) },
    ]);
    const { lastG, ...totals } = await setup.books.totals();
    const large = 3n * BigInt(max) - 4n;
    expect(totals).toEqual({
      accounts: 10,
      transactions: 20,
      units: [
        { unit: "BRL/2", balances: 7n, world: -7n, inTransit: 0n },
        { unit: "X", balances: large, world: -large, inTransit: 0n },
      ],
    });
    const [row] = await setup.sql<{ g: number }[]>`SELECT max(g) AS g FROM journal`;
    expect(lastG).toEqual([row?.g ?? 0, 0]);
  });
});
