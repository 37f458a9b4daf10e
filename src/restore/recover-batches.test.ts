import { describe, expect, test } from "bun:test";
import { accountsIn, recoverBatches, type RecoverySources, type BooksAccount } from "./recover-batches.ts";

const inBooks = new Map<string, BooksAccount>([
  ["1", { seq: 3, balance: 30, creditLimit: 100 }],
  ["2", { seq: 0, balance: 0, creditLimit: 50 }],
]);

const entry = (account: number, seq: number, value: number, balance: number, limit = 100): string =>
  `${value > 0 ? "c" : "d"} ${account} ${seq} ${1000 + seq} ${Math.abs(value)} ${balance} ${limit} req:${account}-${seq} text`;

type Batches = Readonly<Record<number, readonly string[]>>;

function sourcesOf(outbox: Batches, feed: Batches, knownG = 0): RecoverySources {
  const map = (batches: Batches) =>
    new Map(Object.entries(batches).map(([g, events]) => [Number(g), events]));
  const gs = [...map(outbox).keys(), ...map(feed).keys()];
  return {
    shard: 0,
    epoch: "e",
    lastG: 9,
    knownG: Math.max(knownG, 9, ...gs),
    outbox: map(outbox),
    feed: map(feed),
  };
}

const recovered = (outbox: Batches, feed: Batches, knownG = 0) => {
  const result = recoverBatches(sourcesOf(outbox, feed, knownG), inBooks);
  return {
    ...result,
    batches: Object.fromEntries(result.batches.map(({ g, events }) => [g, events])),
    missing: Object.fromEntries(result.missing),
  };
};

describe("recoverBatches", () => {
  const first = entry(1, 4, 5, 35);
  const second = entry(1, 5, -10, 25);
  const third = entry(1, 6, 1, 26);

  test("takes what the outbox has, and from the feed what it does not have, in order", () => {
    expect(recovered({ 11: [second] }, { 12: [third], 10: [first], 11: [second] })).toMatchObject({
      batches: { 10: [first], 11: [second], 12: [third] },
      fromOutbox: 1,
      fromFeed: 2,
      holes: [],
      missing: {},
    });
  });

  test("skips what the books have", () => {
    expect(recovered({ 9: [entry(1, 3, 1, 30)], 10: [first] }, { 8: ["not even an event"] })).toMatchObject({
      batches: { 10: [first] },
      fromOutbox: 1,
      fromFeed: 0,
    });
  });

  test("after a hole an account whose chain continues goes on, and any other one stops for good", () => {
    const other = entry(2, 1, 7, 7, 50);
    const result = recovered({}, { 10: [first], 12: [third, other], 13: [entry(1, 7, 1, 27)] });
    expect(result.batches).toEqual({ 10: [first], 12: [other], 13: [] });
    expect(result.holes).toEqual([{ from: 11, to: 11 }]);
    expect(result.missing).toEqual({ 1: { seq: 7, balance: 27 } });
  });

  test("an event that fits again by chance is not kept after one that did not fit", () => {
    const wrong = entry(1, 4, 5, 99);
    expect(recovered({ 10: [wrong], 11: [first] }, {})).toMatchObject({
      batches: { 10: [], 11: [] },
      missing: { 1: { seq: 4, balance: 35 } },
    });
  });

  test("a refusal is kept whatever became of accounts, and belongs to none", () => {
    const refusal = 'x 1000 limit-exceeded key:a ["content"]';
    const unknown = 'x 1001 account-unknown key:b ["content"]';
    expect(recovered({ 10: [third, refusal], 11: [unknown] }, { 10: [third, unknown] })).toMatchObject({
      batches: { 10: [unknown, refusal], 11: [unknown] },
      missing: { 1: { seq: 6, balance: 26 } },
    });
    expect(accountsIn(sourcesOf({ 10: [refusal] }, {}))).toEqual([]);
  });

  const unfit: readonly (readonly [string, string])[] = [
    ["another seq", entry(1, 5, 5, 35)],
    ["another balance", entry(1, 4, 5, 36)],
    ["another limit", entry(1, 4, 5, 35, 101)],
    ["an account that the books do not have", entry(7, 1, 5, 5)],
    ["an opening of an account that is there", "o 1 1000 100 req:x BRL/2 "],
    ["a limit at another seq", "l 1 4 1000 30 200 req:x"],
    ["a limit at another balance", "l 1 3 1000 31 200 req:x"],
  ];
  for (const [what, event] of unfit) {
    test(`what does not continue the chain is left out and named: ${what}`, () => {
      const { batches, missing } = recovered({ 10: [event] }, {});
      expect(batches).toEqual({ 10: [] });
      expect(Object.keys(missing)).toHaveLength(1);
    });
  }

  test("an account that is opened, credited and given another limit on the way", () => {
    const opened = "o 6 1000 10 key:o BRL/2 name";
    const limit = "l 6 1 1002 5 20 req:l";
    const events = [opened, entry(6, 1, 5, 5, 10), limit, entry(6, 2, -25, -20, 20)];
    expect(recovered({ 10: events }, {})).toMatchObject({
      batches: { 10: events },
      missing: {},
    });
  });

  test("two versions of one batch: the outbox counts, and the accounts of the other version are named", () => {
    const answered = entry(1, 4, 20, 50);
    const same = entry(2, 1, 7, 7, 50);
    expect(recovered({ 10: [first, same], 11: [second] }, { 10: [answered, same] })).toMatchObject({
      batches: { 10: [first, same], 11: [second] },
      missing: { 1: { seq: 4, balance: 50 } },
      fromOutbox: 2,
      fromFeed: 0,
    });
  });

  test("batches that only another source knows of are a hole at the end", () => {
    expect(recovered({}, { 10: [first] }, 15).holes).toEqual([{ from: 11, to: 15 }]);
    expect(recovered({}, {}, 15)).toMatchObject({ holes: [{ from: 10, to: 15 }], batches: {} });
  });

  test("says which accounts it needs from the books", () => {
    const sources = sourcesOf({ 10: [first] }, { 10: [entry(3, 1, 1, 1)], 11: [entry(2, 1, 1, 1)] });
    expect(accountsIn(sources)).toEqual(["1", "2"]);
  });
});
