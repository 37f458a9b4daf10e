import { expect, test } from "bun:test";
import { bounds } from "../../src/bounds.ts";
import type {
  AccountFilter,
  HoldFilter,
  Listed,
  ListPage,
  TransactionFilter,
} from "../../src/ledger/ledger.ts";
import { eventually } from "../support/eventually.ts";
import { accepted, capture, held, hold, moved, open, transaction } from "../support/ledger/commands.ts";
import { ALL_ACCOUNTS, ALL_HOLDS, ALL_TRANSACTIONS } from "../support/ledger/filters.ts";
import type { Moves } from "../support/ledger/moves.ts";

/** All are of the tag of the suite's accounts, so on one shard with them. */
const OWN = "{moves}own:";

/** Lists of the accounts with one beginning. */
export function ownListsSection(the: () => Moves): void {
  /** Page by page; a page may have fewer than are asked for, never more. */
  async function whole<Item>(
    read: (page: ListPage) => Promise<Listed<Item>>,
    count: number,
  ): Promise<Item[]> {
    const all: Item[] = [];
    let after: string | null = null;
    do {
      const { items, next }: Listed<Item> = await read({ count, after });
      expect(items.length).toBeLessThanOrEqual(count);
      all.push(...items);
      after = next;
    } while (after !== null);
    return all;
  }

  const accountFilter = (changes: Partial<AccountFilter>): AccountFilter => ({
    ...ALL_ACCOUNTS,
    idBeginning: OWN,
    ...changes,
  });
  const transactionFilter = (changes: Partial<TransactionFilter>): TransactionFilter => ({
    ...ALL_TRANSACTIONS,
    idBeginning: OWN,
    ...changes,
  });
  const holdFilter = (changes: Partial<HoldFilter>): HoldFilter => ({
    ...ALL_HOLDS,
    idBeginning: OWN,
    ...changes,
  });

  async function expectWhole<Item extends { readonly id: string }>(
    read: (page: ListPage) => Promise<Listed<Item>>,
    expected: readonly string[],
    counts: readonly number[] = [1, 2, 3, 100],
  ): Promise<void> {
    for (const count of counts) {
      let found: string[] = [];
      await eventually(
        "the list is as expected",
        async () => {
          found = (await whole(read, count)).map(({ id }) => id);
          return Bun.deepEquals(found, expected);
        },
        () => ({ count, found, expected }),
        5_000,
      );
    }
  }

  test("whatever is also of another account is not in them", async () => {
    const { ledger, account, advanceClock } = the();
    const ids = [OWN, `${OWN}a`, `${OWN}a:b`, `${OWN}z`];
    for (const id of ids) await account(100, 0, { account: id, name: "n" });
    const [first = "", a = "", b = "", z = ""] = ids;
    // Before and behind them in the order of ids, and alike in all that is shorter.
    const others = ["{moves}own", "{moves}own-x", "{moves}owo", "{moves}o"];
    for (const id of others) await account(100, 0, { account: id, name: "n" });
    const other = others[1] ?? "";
    const accounts = (changes: Partial<AccountFilter> = {}) => {
      return (at: ListPage) => ledger.accounts(accountFilter(changes), at);
    };
    await expectWhole(accounts(), ids);
    await expectWhole(accounts({ name: "n" }), ids);
    await expectWhole(accounts({ name: "x" }), []);
    await expectWhole(accounts({ idBeginning: `${OWN}a` }), [a, b]);
    await expectWhole(accounts({ idBeginning: "{moves}none" }), []);

    const done: { readonly id: string; readonly time: number }[] = [];
    const move = async (...postings: Parameters<typeof transaction>[0]) => {
      advanceClock(1);
      done.push(moved(await ledger.submit(transaction(postings, { reference: "r" }))).transaction);
    };
    await move(["@world", a, 50]);
    await move([a, other, 1]);
    await move([other, "@world", 1]);
    await move([a, b, 1], [b, z, 1], [z, a, 1]);
    await move([a, b, 1], [other, "@world", 1]);
    await move(["@world", "{moves}own", 1]);
    await move([b, first, 1]);
    const toOther = held(await ledger.submit(hold(a, 1, { to: other })));
    const toWorld = held(await ledger.submit(hold(b, 1)));
    const toOwn = held(await ledger.submit(hold(a, 1, { to: z })));
    const ofOther = held(await ledger.submit(hold(other, 1, { to: a })));
    const captured = held(await ledger.submit(capture(toOwn.id))).transaction ?? "";
    const [entered, , , around, , , last] = done;
    if (entered === undefined || around === undefined || last === undefined) throw new Error("not done");
    const transactions = (changes: Partial<TransactionFilter> = {}) => {
      return (at: ListPage) => ledger.transactions(transactionFilter(changes), at);
    };
    await expectWhole(transactions(), [captured, last.id, around.id, entered.id]);
    await expectWhole(transactions({ reference: "r" }), [last.id, around.id, entered.id]);
    await expectWhole(transactions({ account: a }), [captured, around.id, entered.id]);
    await expectWhole(transactions({ account: b, reference: "r" }), [last.id, around.id]);
    await expectWhole(transactions({ account: other }), []);
    await expectWhole(transactions({ fromTime: around.time, beforeTime: last.time }), [around.id]);
    await expectWhole(transactions({ fromTime: last.time }), [captured, last.id]);
    await expectWhole(transactions({ beforeTime: around.time + 1 }), [around.id, entered.id]);
    await expectWhole(transactions({ idBeginning: "{moves}own" }), [
      captured,
      ...done.map(({ id }) => id).toReversed(),
    ]);
    await expectWhole(transactions({ idBeginning: "{moves}none" }), []);
    const holds = (changes: Partial<HoldFilter> = {}) => {
      return (at: ListPage) => ledger.holds(holdFilter(changes), at);
    };
    await expectWhole(holds(), [toOwn.id, toWorld.id]);
    await expectWhole(holds({ account: a }), [toOwn.id]);
    await expectWhole(holds({ account: other }), []);
    await expectWhole(holds({ state: "open" }), [toWorld.id]);
    await expectWhole(holds({ idBeginning: "{moves}own" }), [ofOther.id, toOwn.id, toWorld.id, toOther.id]);
  });

  test("of more accounts than are asked one by one it is the same", async () => {
    const { ledger, account } = the();
    const count = bounds.list_own_accounts_max + 2;
    const ids = Array.from({ length: count }, (_, index) => `${OWN}${String(index).padStart(4, "0")}`);
    const opened = await ledger.submitEach(ids.map((id) => open(100, { account: id })));
    for (const one of opened) if (one.status === "fulfilled") accepted(one.value);
    const other = await account(100);
    const done: string[] = [];
    const made: string[] = [];
    for (let index = 0; index < 12; index += 1) {
      const [from = "", to = ""] = [ids[index], ids[count - 1 - index]];
      done.push(moved(await ledger.submit(transaction([[from, to, 1]]))).transaction.id);
      moved(await ledger.submit(transaction([[from, other, 1]])));
      made.push(held(await ledger.submit(hold(from, 1, { to }))).id);
      held(await ledger.submit(hold(other, 1)));
    }
    await expectWhole((at) => ledger.accounts(accountFilter({}), at), ids, [100]);
    await expectWhole((at) => ledger.transactions(transactionFilter({}), at), done.toReversed(), [1, 5, 100]);
    await expectWhole((at) => ledger.holds(holdFilter({}), at), made.toReversed(), [1, 5, 100]);
  });
}
