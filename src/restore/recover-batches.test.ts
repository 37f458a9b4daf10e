import { describe, expect, test } from "bun:test";
import {
  accountsIn,
  batchesIn,
  type BooksAccount,
  type InBooks,
  recoverBatches,
  type RecoverySources,
} from "./recover-batches.ts";

const HELD = "h0-9-0-5";

/** Account 3 holds 7 for a hold that is open. */
const inBooks: InBooks = {
  accounts: new Map<string, BooksAccount>([
    ["1", { seq: 3, balance: 30, creditLimit: 100, held: 0, state: "open" }],
    ["2", { seq: 0, balance: 0, creditLimit: 50, held: 0, state: "open" }],
    ["3", { seq: 1, balance: 20, creditLimit: 0, held: 7, state: "open" }],
  ]),
  openHolds: new Map([[HELD, { account: "3", amount: 7 }]]),
  openParts: new Map(),
};

const entry = (account: number, seq: number, value: number, balance: number, limit = 100): string =>
  `${value > 0 ? "c" : "d"} ${account} ${seq} ${1000 + seq} ${Math.abs(value)} ${balance} ${limit} req:${account}-${seq} text`;

/** What an account is after an event: limit, balance, held, seq. */
const row = (account: number, limit: number, balance: number, held: number, seq: number): string =>
  `${account} ${limit} ${balance} ${held} ${seq} 1000 BRL/2 open 1`;

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
    expect(result.batches).toEqual({ 10: [first], 12: ["m 1006 12 12", other], 13: [] });
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
    const refusal = "x 1000 limit-exceeded key:a content";
    const unknown = "x 1001 account-unknown/9 key:b content";
    expect(recovered({ 10: [refusal, third], 11: [unknown] }, { 10: [third, unknown] })).toMatchObject({
      batches: { 10: [refusal, unknown], 11: [unknown] },
      missing: { 1: { seq: 6, balance: 26 } },
    });
    expect(accountsIn(batchesIn(sourcesOf({ 10: [refusal] }, {})))).toEqual([]);
  });

  test("a refusal in another version of a batch is not kept where its key was decided again", () => {
    const refusal = "x 1000 limit-exceeded/1 key:a content";
    const decided = "c 1 4 1004 5 35 100 key:a text";
    expect(recovered({ 10: [decided] }, { 10: [refusal] }).batches).toEqual({ 10: [decided] });
    expect(recovered({ 10: [first] }, { 10: [refusal] }).batches).toEqual({ 10: [first, refusal] });
    // Under whatever access key: the command is the same one.
    for (const [one, other] of [
      ["", "shop/"],
      ["shop/", ""],
      ["shop/", "till/"],
    ] as const) {
      const named = { 10: [`x 1000 limit-exceeded/1 ${one}key:a content`] };
      const again = { 10: [decided.replace("key:", `${other}key:`)] };
      expect(recovered(again, named).batches).toEqual(again);
    }
    // What only reads like it does not count.
    const told = { 10: [first.replace(/text$/, "of key:a alone")] };
    expect(recovered(told, { 10: [refusal] }).batches).toEqual({ 10: [...told[10], refusal] });
  });

  test("what stands behind an event that is not kept stays in its place, which its id is made of", () => {
    const unfit = entry(1, 9, 5, 99);
    const fits = entry(2, 1, 7, 7, 50);
    const refusal = "x 1000 limit-exceeded/1 key:a content";
    const result = recovered({ 10: [unfit, fits, entry(1, 10, 1, 100), refusal], 11: [unfit] }, {});
    expect(result.batches).toEqual({ 10: ["m 1009 10 10", fits, "m 1010 10 10", refusal], 11: [] });
  });

  test("a transaction is kept only if all of its accounts continue, and else stops all of them", () => {
    const moved = `t 1000 1 2 1 2 5 4 25 1 5 ${row(1, 100, 25, 0, 4)} ${row(2, 50, 5, 0, 1)} req:t - `;
    const apart = `t 1000 1 2 1 2 5 4 25 2 5 ${row(1, 100, 25, 0, 4)} ${row(2, 50, 5, 0, 2)} req:t - `;
    expect(recovered({ 10: [moved] }, {})).toMatchObject({ batches: { 10: [moved] }, missing: {} });
    expect(accountsIn(batchesIn(sourcesOf({ 10: [moved] }, {})))).toEqual(["1", "2"]);
    expect(recovered({ 11: [apart, first, entry(3, 2, 1, 21, 0)] }, {})).toMatchObject({
      batches: { 11: [] },
      missing: { 1: { seq: 4, balance: 35 }, 2: { seq: 2, balance: 5 }, 3: { seq: 2, balance: 21 } },
    });
  });

  test("a hold ends if it is open, in the books or by what was kept; one of a lost batch does not", () => {
    const released = `r 1000 ${HELD} ${row(3, 0, 20, 0, 1)} req:r -`;
    const hold = `h 1000 @world 4 9000 ${row(3, 0, 20, 4, 1)} req:h - `;
    const id = "h0-10-1-1000";
    const captured = `p 1001 ${id} 1 1 3 @world 4 2 16 0 0 ${row(3, 0, 16, 0, 2)} req:p - `;
    const after = entry(3, 3, 1, 17, 0);
    expect(recovered({ 10: [released, hold], 11: [captured, after] }, {})).toMatchObject({
      batches: { 10: [released, hold], 11: [captured, after] },
      missing: {},
    });
    // Without batch 10 the account still holds what was held.
    expect(recovered({ 11: [captured, after] }, {}).batches).toEqual({ 11: [] });
    // Twice it does not end.
    expect(recovered({ 10: [released, released] }, {}).batches).toEqual({ 10: [released] });
    const stranger = `r 1000 ${HELD} ${row(2, 50, 0, 0, 0)} req:r -`;
    expect(recovered({ 10: [stranger] }, {})).toMatchObject({ batches: { 10: [] }, missing: { 2: {} } });
    const unknown = `e 1000 h0-8-0-1 ${row(3, 0, 20, 0, 1)}`;
    expect(recovered({ 10: [unknown] }, {}).batches).toEqual({ 10: [] });
  });

  const unfit: readonly (readonly [string, string])[] = [
    ["another seq", entry(1, 5, 5, 35)],
    ["another balance", entry(1, 4, 5, 36)],
    ["another limit", entry(1, 4, 5, 35, 101)],
    ["an account that the books do not have", entry(7, 1, 5, 5)],
    ["an opening of an account that is there", "o 1 1000 100 req:x - BRL/2 "],
    ["a change at another seq", "a 1 1000 200 30 0 4 1000 BRL/2 open 1 req:x - "],
    ["a change at another balance", "a 1 1000 200 31 0 3 1000 BRL/2 open 1 req:x - "],
    ["a change with something held", "a 1 1000 200 30 1 3 1000 BRL/2 open 1 req:x - "],
    ["an entry of an account that holds something", entry(3, 2, 5, 25, 0)],
  ];
  for (const [what, event] of unfit) {
    test(`what does not continue the chain is left out and named: ${what}`, () => {
      const { batches, missing } = recovered({ 10: [event] }, {});
      expect(batches).toEqual({ 10: [] });
      expect(Object.keys(missing)).toHaveLength(1);
    });
  }

  test("an account that is opened, credited and given another limit on the way", () => {
    const opened = 'o 6 1000 10 key:o content BRL/2 {"name":"name"}';
    const limit = `a 6 1002 20 5 0 1 1001 BRL/2 open 1000 req:l - `;
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
    expect(accountsIn(batchesIn(sources))).toEqual(["1", "2"]);
  });
});
