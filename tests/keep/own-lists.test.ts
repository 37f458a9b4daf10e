import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { bounds } from "../../src/bounds.ts";
import { shardOf } from "../../src/ledger/account-id.ts";
import type { Listed, ListPage } from "../../src/ledger/ledger.ts";
import type { Hold, Transaction } from "../../src/ledger/transaction.ts";
import { LedgerSource } from "../support/ledger-source.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { booksUnderTest } from "./support/books-under-test.ts";
import { ALL_ACCOUNTS, ALL_HOLDS, ALL_TRANSACTIONS } from "../support/ledger/filters.ts";

setDefaultTimeout(60_000);

const OWN = "own:";

/** Six ids that begin so, which are on this shard of the two. */
function idsOn(shard: number, beginning: string): string[] {
  const all = Array.from({ length: 100 }, (_, index) => `${beginning}${index}`);
  return all.filter((id) => shardOf(id, 2) === shard).slice(0, 6);
}

/** Pages may have fewer than are asked for. */
async function whole<Item>(read: (page: ListPage) => Promise<Listed<Item>>, count: number): Promise<Item[]> {
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

const isOwn = (party: string) => party === "@world" || party.startsWith(OWN);
const isOwnTransaction = ({ postings }: Transaction) =>
  postings.every(({ from, to }) => isOwn(from) && isOwn(to));
const isOwnHold = ({ from, to }: Hold) => isOwn(from) && isOwn(to);

describe.skipIf(serversMissing !== null)("the books, read for accounts with one beginning", () => {
  const setup = booksUnderTest();

  /** On both shards, transactions and holds of these accounts and of others, of both together, and many times in one. */
  async function fill(): Promise<void> {
    for (const shard of [0, 1]) {
      const source = shard === 0 ? setup.source : new LedgerSource("e", 1);
      // Between the times of the other shard.
      source.began += shard * 500;
      const [own, others] = [idsOn(shard, OWN), idsOn(shard, "owo")];
      const openings = [...own, ...others].map((id) => source.open(id, 1_000_000));
      await setup.books.keep(shard, [source.close(openings)]);
      // An account with holds has no entries of the contest's kind.
      const [movers, holders] = [own.slice(0, 3), own.slice(3)];
      const pick = (from: readonly string[], round: number) => from[round % from.length] ?? "";
      for (let round = 0; round < 40; round += 1) {
        const [a, b, h] = [pick(movers, round), pick(movers, round + 1), pick(holders, round)];
        const [x, y, z] = [others[0] ?? "", others[1] ?? "", others[2] ?? ""];
        const reference = `r${round % 3}`;
        const events = [
          () => source.entry(a, 5),
          () => source.transaction([[a, b, 1]], { reference }),
          () => source.transaction([[x, y, 1]], { reference }),
          () => source.transaction([[a, x, 1]], { reference }),
          () =>
            source.transaction([
              [a, b, 1],
              [b, a, 1],
              ["@world", a, 1],
            ]),
          () =>
            source.transaction([
              [a, b, 1],
              ["@world", x, 1],
            ]),
          () => source.entry(x, 5),
          () => source.hold(h, 1, { to: b }),
          () => source.hold(h, 1, { to: x }),
          () => source.hold(z, 1),
          () => source.hold(h, 1),
        ];
        await setup.books.keep(shard, [source.close(events.slice(round % 3).map((make) => make()))]);
      }
    }
  }

  async function expectOwnLists(): Promise<void> {
    const { books } = setup;
    const all = await whole((page) => books.transactions(ALL_TRANSACTIONS, page), 100);
    const own = all.filter(isOwnTransaction);
    expect(own.length).toBeGreaterThan(150);
    const [late = 0, early = 0] = [own[30]?.time, own[120]?.time];
    const account = idsOn(1, OWN)[2] ?? "";
    const isOf = ({ postings }: Transaction) =>
      postings.some(({ from, to }) => from === account || to === account);
    for (const [filter, expected] of [
      [{}, own],
      [{ reference: "r1" }, own.filter(({ reference }) => reference === "r1")],
      [{ account }, own.filter(isOf)],
      [{ account, reference: "r2" }, own.filter((one) => isOf(one) && one.reference === "r2")],
      [{ fromTime: late }, own.filter(({ time }) => time >= late)],
      [{ beforeTime: early }, own.filter(({ time }) => time < early)],
      [{ fromTime: early, beforeTime: late }, own.filter(({ time }) => time >= early && time < late)],
    ] as const)
      for (const count of [7, 100]) {
        const read = (page: ListPage) =>
          books.transactions({ ...ALL_TRANSACTIONS, ...filter, idBeginning: OWN }, page);
        const found = await whole(read, count);
        expect(found.map(({ id }) => id)).toEqual(expected.map(({ id }) => id));
      }
    const holds = (await whole((page) => books.holds(ALL_HOLDS, page), 100)).filter(isOwnHold);
    expect(holds.length).toBeGreaterThan(99);
    for (const count of [7, 100]) {
      const found = await whole((page) => books.holds({ ...ALL_HOLDS, idBeginning: OWN }, page), count);
      expect(found.map(({ id }) => id)).toEqual(holds.map(({ id }) => id));
    }
    const ids = (await whole((page) => books.accounts(ALL_ACCOUNTS, page), 100)).map(({ id }) => id);
    const found = await whole((page) => books.accounts({ ...ALL_ACCOUNTS, idBeginning: OWN }, page), 100);
    expect(found.map(({ id }) => id)).toEqual(ids.filter(isOwn));
  }

  test("of few accounts, and of so many that they are looked for in all there is", async () => {
    await fill();
    await expectOwnLists();
    await setup.sql`
      INSERT INTO accounts (account, unit, credit_limit, balance, seq, opened_at, command)
      SELECT ${OWN} || 'z' || n, 'MANY', 0, 0, 0, 1, 'req:many' FROM generate_series(1, ${bounds.list_own_accounts_max}::integer) AS n`;
    await expectOwnLists();
  });

  test("few accounts are found behind any number of rows of others; many are looked for in a part of them", async () => {
    const { source } = setup;
    const [id = ""] = idsOn(0, OWN);
    await setup.keep(source.open(id, 100), source.entry(id, 5));
    const { length } = Array.from({ length: bounds.list_own_journal_rows_max + 1_500 });
    await setup.sql`
      INSERT INTO journal (shard, g, time, events, previous, hash)
      SELECT 0, g, 1700000001000000 + g, ARRAY['c 1 2 1700000001000000 5 5 100 req:1 x'], previous, hash
      FROM generate_series(2, ${length}) AS g, (SELECT previous, hash FROM journal WHERE shard = 0 AND g = 1) AS j`;
    await setup.sql`UPDATE cursors SET last_g = ${length} WHERE shard = 0`;
    const read = (after: string | null) =>
      setup.books.transactions({ ...ALL_TRANSACTIONS, idBeginning: OWN }, { count: 1, after });
    expect(await read(null)).toMatchObject({ items: [{ postings: [{ to: id }] }], next: null });
    await setup.sql`
      INSERT INTO accounts (account, unit, credit_limit, balance, seq, opened_at, command)
      SELECT ${OWN} || 'z' || n, 'MANY', 0, 0, 0, 1, 'req:many' FROM generate_series(1, ${bounds.list_own_accounts_max}::integer) AS n`;
    let { items, next } = await read(null);
    expect(items).toEqual([]);
    for (let pages = 0; items.length === 0 && next !== null && pages < 50; pages += 1)
      ({ items, next } = await read(next));
    expect(items).toMatchObject([{ postings: [{ to: id }] }]);
  });
});
