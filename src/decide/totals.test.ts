import { expect, test } from "bun:test";
import { LedgerUnavailable } from "../ledger/ledger.ts";
import { totalsOf } from "./totals.ts";

const UNITS = [{ unit: "A", balances: 1n, world: -1n, inTransit: 0n }];

/** Books that have these batches, and shards with these in their outboxes, by number: how old each is in seconds. */
function told(lastG: readonly number[], ...outboxes: readonly (Readonly<Record<number, number>> | Error)[]) {
  const books = { totals: async () => ({ accounts: 1, transactions: 1, units: UNITS, lastG }) };
  const shards = outboxes.map((outbox) => ({
    waitingSince: async (g: number) => {
      if (outbox instanceof Error) throw outbox;
      const found = Object.entries(outbox).find(([number]) => Number(number) >= g);
      return found === undefined ? null : (Date.now() - found[1] * 1000) * 1000;
    },
  }));
  return totalsOf(shards, books);
}

test("the lag is the age of the oldest batch that the books lack, of whichever shard", async () => {
  expect((await told([3, 7], {}, {})).lagMilliseconds).toBe(0);
  // Kept, and not let go yet.
  expect((await told([3, 7], { 2: 50, 3: 40 }, { 7: 30 })).lagMilliseconds).toBe(0);
  // The other shard's books are of now.
  const { lagMilliseconds } = await told([3, 7], { 3: 50, 4: 40, 5: 1 }, { 7: 0 });
  expect(Math.floor(lagMilliseconds / 1000)).toBe(40);
});

test("a shard that is away is named; where all are, nothing is told", async () => {
  const away = new Error("no answer");
  const { shardsAway, lagMilliseconds, units } = await told([0, 0, 0], {}, away, { 1: 20 });
  expect([shardsAway, Math.floor(lagMilliseconds / 1000), units]).toEqual([[1], 20, UNITS]);
  const all = await told([0, 0], away, away).catch((error: unknown) => error);
  expect(all).toBeInstanceOf(LedgerUnavailable);
});
