import { describe, expect, setDefaultTimeout, test } from "bun:test";
import postgres from "postgres";
import { callAddChanges } from "../../src/keep/call-keep-batches.ts";
import { Divergence } from "../../src/keep/divergence.ts";
import { readEndingHolds } from "../../src/keep/hold-changes.ts";
import { netChanges } from "../../src/keep/net-changes.ts";
import { journalFaults } from "../support/kept-journal.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { failure } from "./divergence-section.ts";
import { booksUnderTest } from "./support/books-under-test.ts";
import { ALL_ACCOUNTS, ALL_HOLDS } from "../support/ledger/filters.ts";
import { page } from "./support/pages.ts";

setDefaultTimeout(60_000);

describe.skipIf(serversMissing !== null)("the books, of transactions and holds", () => {
  const setup = booksUnderTest();

  const holdsOpen = async () =>
    (await setup.books.holds({ ...ALL_HOLDS, state: "open" }, { count: 100, after: null })).items;

  test("a transaction makes both entries of each posting, which name it and each other", async () => {
    const { source } = setup;
    const details = { description: 'lunch \u0001 "x"', reference: "order-1", metadata: { a: "b" } };
    await setup.keep(source.entry("2", 5, "first"), source.transaction([["1", "2", 30]], details));
    const { transaction } = { transaction: "t0-1-1-2" };
    const common = { value: 30, description: details.description, reference: "order-1", transaction };
    const from = (await setup.books.entries("1", page())).entries;
    const to = (await setup.books.entries("2", page())).entries;
    expect(from).toMatchObject([
      { ...common, account: "1", seq: 1, kind: "debit", balance: -30, counterparty: "2", id: "req:t" },
    ]);
    expect(to).toMatchObject([
      { ...common, account: "2", seq: 2, kind: "credit", balance: 35, counterparty: "1" },
      { seq: 1, description: "first", counterparty: "@world", transaction: "t0-1-0-0", reference: null },
    ]);
    expect(await journalFaults(setup.sql)).toEqual([]);
  });

  test("several postings of one account: its entries rise in time, and name one transaction", async () => {
    const { source } = setup;
    const postings = [
      ["@world", "1", 10],
      ["1", "2", 4],
      ["2", "1", 1],
      ["1", "@world", 7],
    ] as const;
    const text = source.transaction(postings);
    const { transaction } = source.latest;
    await setup.keep(text);
    const { entries } = await setup.books.entries("1", page({ order: "asc" }));
    expect(entries.map(({ seq, balance }) => [seq, balance])).toEqual([
      [1, 10],
      [2, 6],
      [3, 7],
      [4, 0],
    ]);
    expect(entries.map(({ time }) => time - (entries[0]?.time ?? 0))).toEqual([0, 1, 2, 3]);
    expect(new Set(entries.map((entry) => entry.transaction)).size).toBe(1);
    expect(entries.map((entry) => entry.transaction)).toContain(
      transaction.replace(/^t0-1-0-.*/, "t0-1-0-0"),
    );
    expect(await journalFaults(setup.sql)).toEqual([]);
  });

  test("holds: created, captured in part, more or nothing, released, expired; in one batch and in later ones", async () => {
    const { source } = setup;
    const made: string[] = [];
    const hold = (account: string, amount: number, to?: string) => {
      const text = source.hold(account, amount, {
        ...(to === undefined ? {} : { to }),
        reference: "r",
        description: "",
        metadata: { z: "1", a: "2" },
      });
      made.push(source.latest.hold);
      return text;
    };
    await setup.keep(hold("1", 100), hold("1", 50, "2"), hold("2", 7), hold("3", 9), hold("3", 5));
    const [first = "", second = "", third = "", fourth = "", fifth = ""] = made;
    expect((await holdsOpen()).map(({ id }) => id)).toEqual(made.toReversed());
    expect(await setup.sql`SELECT account, held FROM accounts WHERE held > 0 ORDER BY account`).toMatchObject(
      [
        { account: "1", held: 150 },
        { account: "2", held: 7 },
        { account: "3", held: 14 },
      ],
    );
    expect(await setup.books.hold(second)).toMatchObject({
      id: second,
      state: "open",
      from: "1",
      to: "2",
      amount: 50,
      captured: 0,
      transaction: null,
      description: "",
      reference: "r",
      metadata: {
        z: "1",
        a: "2",
      },
    });
    const capturing = source.capture(
      first,
      [
        ["2", 60],
        ["@world", 60],
      ],
      { description: "d" },
    );
    const { transaction } = source.latest;
    const ending = [source.capture(second, []), source.release(third), source.expire(fourth)];
    await setup.keep(capturing, ...ending, hold("1", 3), source.release(made.at(-1) ?? ""));
    const states = await Promise.all(made.map((id) => setup.books.hold(id)));
    expect(states.map((found) => [found?.state, found?.captured, found?.transaction])).toEqual([
      ["captured", 120, transaction],
      ["captured", 0, null],
      ["released", 0, null],
      ["expired", 0, null],
      ["open", 0, null],
      ["released", 0, null],
    ]);
    expect((await holdsOpen()).map(({ id }) => id)).toEqual([fifth]);
    expect((await setup.books.entries("2", page())).entries).toMatchObject([{ value: 60, transaction }]);
    expect(await setup.books.hold(first.replace(/\d+$/, "7"))).toBeNull();
    expect(await setup.books.hold("h0-9-9-9")).toBeNull();
    expect(await setup.books.hold("nonsense")).toBeNull();
    expect(await journalFaults(setup.sql)).toEqual([]);
  });

  test("holds that end are found by their keys, also where PostgreSQL knows nothing about the tables yet", async () => {
    const { source } = setup;
    const made = Array.from({ length: 50 }, () => [source.hold("1", 1), source.latest.hold] as const);
    await setup.keep(...made.map(([text]) => text));
    const plans: string[] = [];
    const bigint = { to: 20, from: [20], serialize: String, parse: Number };
    const onnotice = ({ message }: postgres.Notice) => plans.push(message ?? "");
    const sql = postgres(setup.url, { max: 1, types: { bigint }, onnotice });
    await sql.unsafe(`
      LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0; SET auto_explain.log_level = notice;
      SET auto_explain.log_nested_statements = on; SET client_min_messages = notice`);
    const batches = [source.close(made.map(([, hold]) => source.release(hold)))];
    const changes = netChanges(batches, await readEndingHolds(sql, 0, batches));
    await callAddChanges(sql, 0, batches, changes);
    await sql.end();
    for (const start of ["UPDATE accounts", "UPDATE holds", "SELECT h.g, h.event"]) {
      const plan = plans.find((text) => text.includes(start) && text.includes("Index Cond"));
      expect(plan).toMatch(/Index Cond: \((account = |\(shard = .*g = .*event = )/);
    }
    expect(await holdsOpen()).toEqual([]);
  });

  test("what begins in one batch and ends in another is kept in one transaction of the writer, too", async () => {
    const { source } = setup;
    const one = source.hold("1", 10);
    const first = source.latest.hold;
    const batches = [source.close([one, source.entry("4", 3)])];
    const events = [source.capture(first, [["2", 4]]), source.open("a", 5), source.hold("2", 1)];
    const second = source.latest.hold;
    batches.push(source.close(events));
    batches.push(source.close([source.change("a", { state: "frozen", name: "A" }), source.expire(second)]));
    await setup.books.keep(0, batches);
    expect(await journalFaults(setup.sql)).toEqual([]);
    expect(await holdsOpen()).toEqual([]);
  });

  test("changed accounts: state, name, metadata, and a limit's version only where it is another one", async () => {
    const { source } = setup;
    const opened = { unit: "USD/2", metadata: { tier: "gold", ünï: "\\\"' {}" } };
    await setup.keep(source.open("a", 10, "Ana", opened), source.change("a", { name: null }));
    await setup.keep(
      source.change("a", { metadata: { tier: "silver" } }),
      source.change("a", { limit: 20 }),
      source.change("a", { limit: 20, state: "frozen" }),
    );
    await setup.keep(source.change("a", { state: "closed" }), source.change("1", { limit: 99 }));
    const { items } = await setup.books.accounts(
      { ...ALL_ACCOUNTS, unit: "USD/2" },
      { count: 10, after: null },
    );
    expect(items).toMatchObject([
      { id: "a", name: null, metadata: { tier: "silver" }, creditLimit: 20, state: "closed", balance: 0 },
    ]);
    const versions = await setup.sql`
      SELECT account, version, credit_limit FROM limits WHERE account IN ('a', '1') ORDER BY account, version`;
    expect(versions.map(({ account, version, credit_limit: limit }) => [account, version, limit])).toEqual([
      ["1", 1, 100_000],
      ["1", 2, 99],
      ["a", 1, 10],
      ["a", 2, 20],
    ]);
    expect(await journalFaults(setup.sql)).toEqual([]);
  });

  test("reversals, each once", async () => {
    const { source } = setup;
    const text = source.transaction([["1", "2", 5]]);
    const { transaction } = source.latest;
    await setup.keep(text);
    expect(await setup.books.reversalOf(transaction)).toBeNull();
    const back = source.transaction([["2", "1", 5]], { reverses: transaction });
    const { transaction: reversal } = source.latest;
    await setup.keep(back);
    expect(await setup.books.reversalOf(transaction)).toBe(reversal);
    expect(await journalFaults(setup.sql)).toEqual([]);
    const again = setup.keep(source.transaction([["2", "1", 5]], { reverses: transaction }));
    expect(await failure(again)).toBeInstanceOf(Divergence);
  });

  test("a batch comes back as its events", async () => {
    const { source } = setup;
    const batch = source.close([
      source.transaction([["1", "2", 5]], { reference: "x" }),
      source.hold("1", 1),
    ]);
    await setup.books.keep(0, [batch]);
    expect(await setup.books.batch(0, 1)).toMatchObject([
      { type: "transaction", reference: "x", postings: [{ from: "1", to: "2", amount: 5 }] },
      { type: "hold", amount: 1 },
    ]);
    expect(await setup.books.batch(0, 2)).toBeNull();
    expect(await setup.books.batch(1, 1)).toBeNull();
  });

  describe("a divergence, where an event", () => {
    /** Keeps the event with one of its numbers changed, in the batch after the first one. */
    async function refusedWith(text: string, from: string, to: string): Promise<unknown> {
      expect(text).toContain(from);
      setup.source.g = 1;
      return failure(setup.keep(text.replace(from, to)));
    }

    const expectRefused = (error: unknown) => {
      expect(error).toBeInstanceOf(Divergence);
      return setup.books.fence().then((fence) => expect(fence?.lastG[0]).toBeLessThan(2));
    };

    test("has postings that do not follow from each other, or rows that do not follow from them", async () => {
      const { source } = setup;
      await setup.keep(source.entry("1", 100), source.entry("2", 100));
      const text = source.transaction([["1", "2", 30]]);
      expect(text).toContain("1 2 30 2 70 2 130 1 ");
      for (const [from, to] of [
        ["1 2 30 2 70 2 130 1 ", "1 2 31 2 70 2 130 1 "],
        ["1 2 30 2 70 2 130 1 ", "1 2 30 3 70 2 130 1 "],
        ["1 2 30 2 70 2 130 1 ", "1 2 30 2 70 2 131 1 "],
        ["1 2 30 2 70 2 130 1 ", "1 1 30 2 70 3 100 1 "],
        ["100000 70 0 2 ", "100000 71 0 2 "],
        ["100000 70 0 2 ", "100000 70 0 3 "],
        ["100000 70 0 2 ", "100001 70 0 2 "],
        ["100000 70 0 2 ", "100000 70 1 2 "],
        ["BRL/2 open", "USD/2 open"],
        ["BRL/2 open", "BRL/2 frozen"],
      ] as const)
        await expectRefused(await refusedWith(text, from, to));
      source.g = 1;
      await setup.books.keep(0, [source.close([text])]);
      expect(await journalFaults(setup.sql)).toEqual([]);
    });

    test("ends a hold that has ended, is another account's, or was never made", async () => {
      const { source } = setup;
      const made = source.hold("1", 10);
      const { hold } = source.latest;
      await setup.keep(made);
      const text = source.release(hold);
      await expectRefused(await refusedWith(text, hold, "h0-1-0-9"));
      await expectRefused(await refusedWith(text, hold, "h0-1-1-0"));
      await expectRefused(await refusedWith(text, " 1 100000 0 0", " 2 80000 0 0"));
      await expectRefused(await refusedWith(text, " 1 100000 0 0", " 1 100000 0 1"));
      await setup.sql`UPDATE holds SET state = 'released', ended_g = 1, ended_event = 1, ended_at = 1`;
      source.g = 1;
      await expectRefused(await failure(setup.keep(text)));
      await setup.sql`UPDATE holds SET state = 'open', ended_g = NULL, ended_event = NULL, ended_at = NULL`;
      source.g = 1;
      expect(await failure(setup.keep(text, text))).toBeInstanceOf(Divergence);
      source.g = 1;
      await setup.keep(text);
      expect(await journalFaults(setup.sql)).toEqual([]);
    });
  });
});
