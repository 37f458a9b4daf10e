import { expect, test } from "bun:test";
import type { AccountId } from "../../src/ledger/account.ts";
import type { EntriesPage } from "../../src/ledger/ledger.ts";
import { eventually } from "../support/eventually.ts";
import { held, hold, page, resultOf, transact, transaction } from "../support/ledger/commands.ts";
import { type Moves, NOBODY } from "../support/ledger/moves.ts";

export function readsSection(the: () => Moves): void {
  /** Entries of 1, 2, 3, ... in turn on the contest's route and by transactions. */
  async function accountWith(entries: number): Promise<AccountId> {
    const { ledger, account, advanceClock } = the();
    const id = await account(0);
    for (let value = 1; value <= entries; value += 1) {
      advanceClock(1);
      const command =
        value % 2 === 0
          ? transact(id, "credit", value)
          : transaction([["@world", id, value]], { reference: "r" });
      resultOf(await ledger.submit(command));
    }
    return id;
  }

  test("entries by seq, in both orders, from the first to before the second", async () => {
    const { ledger } = the();
    const id = await accountWith(9);
    const seqs = async (changes: Partial<EntriesPage>) =>
      (await ledger.entries(id, page(changes)))?.map(({ seq }) => seq);
    expect(await seqs({})).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1]);
    expect(await seqs({ order: "asc" })).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(await seqs({ count: 3 })).toEqual([9, 8, 7]);
    expect(await seqs({ count: 3, order: "asc" })).toEqual([1, 2, 3]);
    expect(await seqs({ count: 3, before: 7 })).toEqual([6, 5, 4]);
    expect(await seqs({ from: 4, before: 7 })).toEqual([6, 5, 4]);
    expect(await seqs({ from: 4, before: 7, order: "asc" })).toEqual([4, 5, 6]);
    expect(await seqs({ from: 4, count: 2, order: "asc" })).toEqual([4, 5]);
    expect(await seqs({ from: 10 })).toEqual([]);
    expect(await seqs({ before: 1 })).toEqual([]);
    expect(await ledger.entries(NOBODY, page())).toBeNull();
  });

  test("entries by time, alone and with seq", async () => {
    const { ledger } = the();
    const id = await accountWith(9);
    const all = (await ledger.entries(id, page({ order: "asc" }))) ?? [];
    const timeOf = (seq: number) => all[seq - 1]?.time ?? Number.NaN;
    const seqs = async (changes: Partial<EntriesPage>) =>
      (await ledger.entries(id, page({ order: "asc", ...changes })))?.map(({ seq }) => seq);
    for (const seq of [1, 2, 5, 9]) {
      const from = Array.from({ length: 10 - seq }, (_, index) => seq + index);
      expect(await seqs({ fromTime: timeOf(seq) })).toEqual(from);
      expect(await seqs({ fromTime: timeOf(seq) + 1 })).toEqual(from.slice(1));
      const before = Array.from({ length: seq - 1 }, (_, index) => index + 1);
      expect(await seqs({ beforeTime: timeOf(seq) })).toEqual(before);
      expect(await seqs({ beforeTime: timeOf(seq) + 1 })).toEqual([...before, seq]);
    }
    expect(await seqs({ fromTime: timeOf(3), beforeTime: timeOf(7) })).toEqual([3, 4, 5, 6]);
    expect(await seqs({ fromTime: timeOf(3), beforeTime: timeOf(7), order: "desc", before: 6 })).toEqual([
      5, 4, 3,
    ]);
    expect(await seqs({ fromTime: timeOf(3), from: 5, count: 2 })).toEqual([5, 6]);
    expect(await seqs({ fromTime: 0 })).toHaveLength(9);
    expect(await seqs({ beforeTime: 0 })).toEqual([]);
    expect(await seqs({ fromTime: timeOf(9) + 1 })).toEqual([]);
  });

  test("the balance as it stood at a time", async () => {
    const { ledger } = the();
    const id = await accountWith(5);
    const entries = (await ledger.entries(id, page({ order: "asc" }))) ?? [];
    await eventually("the latest entry is there", async () => {
      return (await ledger.balanceAt(id, Number.MAX_SAFE_INTEGER - 1))?.seq === 5;
    });
    let before = { balance: 0, seq: 0 };
    for (const { time, balance, seq } of entries) {
      expect(await ledger.balanceAt(id, time - 1)).toEqual({ id, unit: "BRL/2", ...before });
      before = { balance, seq };
      expect(await ledger.balanceAt(id, time)).toEqual({ id, unit: "BRL/2", ...before });
    }
    expect(before).toEqual({ balance: 15, seq: 5 });
    expect(await ledger.balanceAt(id, 0)).toEqual({ id, unit: "BRL/2", balance: 0, seq: 0 });
    expect(await ledger.balanceAt(NOBODY, 0)).toBeNull();
  });

  test("the trial balance: for each unit all balances and the outside, together 0", async () => {
    const { ledger, account } = the();
    const before = await ledger.totals();
    const largest = 2 ** 53 - 1;
    const rich = await Promise.all(
      ["a", "b", "c"].map((id) => account(0, largest, { account: `{moves}${id}`, unit: "X" })),
    );
    const poor = await account(100, -30, { unit: "Y/2" });
    const [one, two] = [await account(0, 50), await account(0)];
    resultOf(await ledger.submit(transaction([[one, two, 20]])));
    held(await ledger.submit(hold(one, 5)));
    resultOf(await ledger.submit(transact(two, "debit", 8)));
    resultOf(
      await ledger.submit(
        transaction([
          ["@world", one, 1],
          [one, "@world", 1],
        ]),
      ),
    );
    const transactions = before.transactions + rich.length + 5;
    await eventually("it is all there", async () => (await ledger.totals()).transactions === transactions);
    const totals = await ledger.totals();
    expect(totals.accounts).toBe(before.accounts + 6);
    const units = new Map(totals.units.map(({ unit, ...sums }) => [unit, sums]));
    expect(units.get("X")).toEqual({
      balances: 3n * BigInt(largest),
      world: -3n * BigInt(largest),
      inTransit: 0n,
    });
    expect(units.get("Y/2")).toEqual({ balances: -30n, world: 30n, inTransit: 0n });
    expect(units.get("BRL/2")).toEqual({ balances: 42n, world: -42n, inTransit: 0n });
    expect(totals.units.map(({ unit }) => unit)).toEqual(["BRL/2", "X", "Y/2"]);
    await eventually("it has all", async () => (await ledger.totals()).lagMilliseconds === 0);
    expect(await ledger.account(poor)).toMatchObject({ balance: -30 });
  });
}
