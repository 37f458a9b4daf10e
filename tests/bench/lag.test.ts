import { describe, expect, test } from "bun:test";
import { lagsOf } from "../../src/bench/lag.ts";

const look = (at: number, ...seqs: readonly number[]) => ({
  at,
  seqs: new Map(seqs.map((seq, index) => [index + 1, seq])),
});

describe("the lag of an answer", () => {
  const looks = [look(0, 10, 0), look(2, 10, 1), look(4, 12, 1), look(6, 12, 1), look(8, 15, 2)];

  test("ends with the first look at the books that shows its entry", () => {
    const answers = [
      { at: 1, account: 1, seq: 11 },
      { at: 1.5, account: 1, seq: 12 },
      { at: 3, account: 1, seq: 13 },
      { at: 5, account: 2, seq: 2 },
    ];
    expect(lagsOf(answers, looks)).toEqual([3, 2.5, 5, 3]);
  });

  test("is none where the books had it before the answer was seen", () => {
    expect(lagsOf([{ at: 7, account: 2, seq: 1 }], looks)).toEqual([0]);
  });

  test("that has no end is an error", () => {
    expect(() => lagsOf([{ at: 1, account: 1, seq: 16 }], looks)).toThrow("entry 16 of account 1 never came");
  });
});
