import { expect, test } from "bun:test";
import type {
  AccountFilter,
  HoldFilter,
  Listed,
  ListPage,
  TransactionFilter,
} from "../../src/ledger/ledger.ts";
import { eventually } from "../support/eventually.ts";
import {
  capture,
  change,
  held,
  hold,
  moved,
  page,
  release,
  resultOf,
  reversal,
  transact,
  transaction,
} from "../support/ledger/commands.ts";
import { ALL_ACCOUNTS, ALL_HOLDS, ALL_TRANSACTIONS } from "../support/ledger/filters.ts";
import type { Moves } from "../support/ledger/moves.ts";

/** Lists may be a second behind. */
export function listsSection(the: () => Moves): void {
  /** The whole list, page by page. */
  async function whole<Item>(
    read: (page: ListPage) => Promise<Listed<Item>>,
    count: number,
  ): Promise<Item[]> {
    const all: Item[] = [];
    let after: string | null = null;
    for (;;) {
      const { items, next }: Listed<Item> = await read({ count, after });
      expect(items.length).toBeLessThanOrEqual(count);
      all.push(...items);
      if (next === null) return all;
      expect(items.length).toBe(count);
      after = next;
    }
  }

  /** Expects the list, in pages of any size. */
  async function expectList<Item>(
    read: (page: ListPage) => Promise<Listed<Item>>,
    name: (item: Item) => string,
    expected: readonly string[],
  ): Promise<void> {
    let found: string[] = [];
    await eventually(
      "the list is as expected",
      async () => {
        found = (await read({ count: 100, after: null })).items.map(name);
        return Bun.deepEquals(found, expected);
      },
      () => ({ found, expected }),
      5_000,
    );
    for (const count of [1, 2, 3, expected.length || 1])
      expect((await whole(read, count)).map(name)).toEqual([...expected]);
  }

  test("accounts by id: of a unit, a state, a name, members of metadata, balances", async () => {
    const { ledger, account } = the();
    const unit = "LIST";
    const make = (name: string | null, metadata: Record<string, string>, balance: number) =>
      account(0, balance, { unit, name, metadata });
    const a = await make("Ana", { tier: "gold", city: "Rio" }, 10);
    const b = await make("Anita", { tier: "gold" }, 20);
    const c = await make("ana", { tier: "silver" }, 30);
    const d = await make(null, {}, 0);
    const e = await make("A%_", { tier: "gold" }, 0);
    resultOf(await ledger.submit(change(e, { state: "frozen" })));
    resultOf(await ledger.submit(change(d, { state: "closed" })));
    const expectAccounts = (filter: Partial<AccountFilter>, ids: string[]) =>
      expectList(
        (at) => ledger.accounts({ ...ALL_ACCOUNTS, unit, ...filter }, at),
        ({ id }) => id,
        ids,
      );
    await expectAccounts({}, [a, b, c, d, e]);
    await expectAccounts({ unit: "NONE" }, []);
    await expectAccounts({ state: "open" }, [a, b, c]);
    await expectAccounts({ state: "closed" }, [d]);
    await expectAccounts({ name: "Ana" }, [a]);
    await expectAccounts({ name: "An" }, [a, b]);
    await expectAccounts({ name: "A%" }, [e]);
    await expectAccounts({ metadata: { tier: "gold" } }, [a, b, e]);
    await expectAccounts({ metadata: { tier: "gold", city: "Rio" } }, [a]);
    await expectAccounts({ metadata: { tier: "gold", constructor: "x" } }, []);
    await expectAccounts({ balanceGreaterThan: 10 }, [b, c]);
    await expectAccounts({ balanceLessThan: 10 }, [d, e]);
    await expectAccounts({ balanceGreaterThan: 0, balanceLessThan: 30, name: "A" }, [a, b]);
    await expectAccounts({ order: "name" }, [e, a, b, c, d]);
    await expectAccounts({ order: "name", name: "An" }, [a, b]);
    await expectAccounts({ order: "balance" }, [d, e, a, b, c]);
    await expectAccounts({ order: "-balance" }, [c, b, a, d, e]);
    await expectAccounts({ order: "-balance", metadata: { tier: "gold" } }, [b, a, e]);
    await expectAccounts({ order: "balance", balanceGreaterThan: 10 }, [b, c]);
    const made = await ledger.accounts({ ...ALL_ACCOUNTS, order: "balance" }, { count: 1, after: "no-key" });
    expect(made).toEqual({ items: [], next: null });
    const { items } = await ledger.accounts(
      { ...ALL_ACCOUNTS, unit, name: "Ana" },
      { count: 1, after: null },
    );
    expect(items[0]).toEqual((await ledger.account(a)) ?? items[0]);
  });

  test("transactions, newest first: of a reference, an account, a time", async () => {
    const { ledger, account, advanceClock } = the();
    const [a, b, c] = [await account(0), await account(10), await account(0)];
    const done: { id: string; time: number }[] = [];
    const move = async (...command: Parameters<typeof transaction>) => {
      advanceClock(1);
      done.push(moved(await ledger.submit(transaction(...command))).transaction);
    };
    await move([["@world", a, 100]], { reference: "in" });
    await move([[a, b, 30]]);
    await move(
      [
        [a, b, 1],
        [b, a, 1],
        [a, c, 5],
      ],
      { reference: "both" },
    );
    advanceClock(1);
    resultOf(await ledger.submit(transact(b, "debit", 3)));
    const [entry] = (await ledger.entries(b, page({ count: 1 }))) ?? [];
    done.push({ id: entry?.transaction ?? "", time: entry?.time ?? 0 });
    const of = held(await ledger.submit(hold(a, 10, { to: c, reference: "both" })));
    const captured = held(await ledger.submit(capture(of.id))).transaction ?? "";
    const capturedAt = (await ledger.transaction(captured))?.transaction.time ?? 0;
    done.push({ id: captured, time: capturedAt });
    advanceClock(1);
    done.push(moved(await ledger.submit(reversal(done[1]?.id ?? "", { reference: "back" }))).transaction);
    const [in_, out, both, debit, capturing, back] = done.map(({ id }) => id);
    if (in_ === undefined || out === undefined || both === undefined) throw new Error("not done");
    if (debit === undefined || capturing === undefined || back === undefined) throw new Error("not done");
    const timeOf = (id: string) => done.find((one) => one.id === id)?.time ?? Number.NaN;
    const expectTransactions = (filter: Partial<TransactionFilter>, ids: string[]) =>
      expectList(
        (at) => ledger.transactions({ ...ALL_TRANSACTIONS, ...filter }, at),
        ({ id }) => id,
        ids,
      );
    await expectTransactions({}, [back, capturing, debit, both, out, in_]);
    await expectTransactions({ reference: "both" }, [capturing, both]);
    await expectTransactions({ reference: "none" }, []);
    await expectTransactions({ account: a }, [back, capturing, both, out, in_]);
    await expectTransactions({ account: b }, [back, debit, both, out]);
    await expectTransactions({ account: c }, [capturing, both]);
    await expectTransactions({ account: b, reference: "both" }, [both]);
    await expectTransactions({ fromTime: timeOf(both) }, [back, capturing, debit, both]);
    await expectTransactions({ fromTime: timeOf(both) + 1 }, [back, capturing, debit]);
    await expectTransactions({ beforeTime: timeOf(both) }, [out, in_]);
    await expectTransactions({ beforeTime: timeOf(both) + 1 }, [both, out, in_]);
    await expectTransactions({ fromTime: timeOf(out), beforeTime: timeOf(debit), account: b }, [both, out]);
    await expectTransactions({ fromTime: timeOf(out), beforeTime: timeOf(debit), reference: "both" }, [both]);
    await expectTransactions({ fromTime: timeOf(back) + 1 }, []);
    await expectTransactions({ beforeTime: timeOf(in_) }, []);
    const { items } = await ledger.transactions(
      { ...ALL_TRANSACTIONS, account: a },
      { count: 100, after: null },
    );
    for (const item of items) expect((await ledger.transaction(item.id))?.transaction).toEqual(item);
  });

  test("holds, newest first: of an account, in a state", async () => {
    const { ledger, account, pass } = the();
    const [a, b] = [await account(0, 100), await account(0, 100)];
    const make = async (from: string, expiresInSeconds = 600) =>
      held(await ledger.submit(hold(from, 10, { expiresInSeconds }))).id;
    const [h1, h2, h3, h4, h5] = [
      await make(a),
      await make(b),
      await make(a, 1),
      await make(a),
      await make(b),
    ];
    resultOf(await ledger.submit(capture(h1)));
    resultOf(await ledger.submit(release(h2)));
    await pass(1);
    await eventually("it expires", async () => (await ledger.hold(h3))?.state === "expired");
    const expectHolds = (filter: Partial<HoldFilter>, ids: string[]) =>
      expectList(
        (at) => ledger.holds({ ...ALL_HOLDS, ...filter }, at),
        ({ id }) => id,
        ids,
      );
    await expectHolds({}, [h5, h4, h3, h2, h1]);
    await expectHolds({ account: a }, [h4, h3, h1]);
    await expectHolds({ state: "open" }, [h5, h4]);
    await expectHolds({ state: "captured" }, [h1]);
    await expectHolds({ account: a, state: "expired" }, [h3]);
    await expectHolds({ account: b, state: "expired" }, []);
    const { items } = await ledger.holds(ALL_HOLDS, { count: 100, after: null });
    for (const item of items) expect(await ledger.hold(item.id)).toEqual(item);
  });
}
