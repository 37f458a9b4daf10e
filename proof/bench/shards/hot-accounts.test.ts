import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { shardOf } from "../../../src/ledger/account-id.ts";
import {
  benchHotAccounts,
  commandsInCall,
  hashesOf,
  redisMicroseconds,
  sharesOfShards,
  simulateHotAccounts,
  zipfShares,
} from "./hot-accounts.ts";

const OPTIONS = {
  accounts: [1000],
  exponents: [1],
  shards: [1, 10],
  carries: 40_000,
  placements: 3,
  seed: 7,
};

describe("the simulation of hot accounts", () => {
  test("uses accounts by Zipf's law", () => {
    expect([...zipfShares(4, 1)]).toEqual([12, 6, 4, 3].map((each) => expect.closeTo(each / 25, 12)));
    expect([...zipfShares(3, 0)]).toEqual([1, 1, 1].map((each) => expect.closeTo(each / 3, 12)));
    expect([...zipfShares(2, 2)]).toEqual([expect.closeTo(0.8, 12), expect.closeTo(0.2, 12)]);
  });

  test("puts each account on the shard that the ledger would", () =>
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1000 }), fc.nat(1e6), (shards, seed) => {
        const [first = 0, second = 0] = hashesOf(2, seed);
        expect([first % shards, second % shards]).toEqual([
          shardOf(`${seed}-0`, shards),
          shardOf(`${seed}-1`, shards),
        ]);
      }),
    ));

  test("adds up the accounts of each shard", () => {
    const sums = sharesOfShards(Float64Array.of(0.5, 0.3, 0.2), Float64Array.of(5, 4, 8), 3);
    expect([...sums]).toEqual([0, expect.closeTo(0.3, 12), expect.closeTo(0.7, 12)]);
  });

  test("a call has what comes while the one before it is under way, and one command at least", () => {
    expect(commandsInCall(1)).toBe(1);
    const commands = commandsInCall(40_000);
    expect(commands).toBeCloseTo(40_000 * (215e-6 + commands * 11e-6), 9);
    expect(redisMicroseconds(1)).toBe(165);
    expect(redisMicroseconds(10)).toBe(30);
  });

  test("is full when its hottest shard is", () => {
    const [one, ten] = simulateHotAccounts(OPTIONS);
    expect(one?.hottestShard.median).toBeCloseTo(1, 9);
    expect(one?.used).toBeCloseTo(1, 9);
    expect(one?.perSecond).toBeCloseTo(40_000, 6);
    expect(one?.middleCall).toBeCloseTo(one?.hottestCall ?? 0, 9);
    const { median, least, greatest } = ten?.hottestShard ?? expect.unreachable();
    expect(least).toBeGreaterThanOrEqual(ten?.hottestAccount ?? 1);
    expect(least).toBeLessThanOrEqual(greatest);
    expect(ten?.perSecond).toBeCloseTo(40_000 / median, 6);
    expect(ten?.used).toBeCloseTo(1 / median / 10, 9);
    // Where calls are smaller, each command costs more.
    expect(ten?.middleCall).toBeLessThan(ten?.hottestCall ?? 0);
    expect(ten?.redisMicroseconds).toBeGreaterThan(one?.redisMicroseconds ?? Infinity);
  });

  test("is the same again with the same seed, and another one with another", () => {
    expect(simulateHotAccounts(OPTIONS)).toEqual(simulateHotAccounts(OPTIONS));
    expect(simulateHotAccounts({ ...OPTIONS, seed: 8 })).not.toEqual(simulateHotAccounts(OPTIONS));
  });

  test("refuses a shard that carries more than Redis has time for", () => {
    expect(() => simulateHotAccounts({ ...OPTIONS, carries: 100_000 })).toThrow(
      "--carries must be below 90909",
    );
  });

  test("is printed as a table with a row for each case", async () => {
    const lines: string[] = [];
    await benchHotAccounts(OPTIONS, { say: (line) => lines.push(line) });
    expect(lines.filter((line) => /^ {2}1,000 +1\.0 +10? /.test(line))).toHaveLength(2);
  });
});
