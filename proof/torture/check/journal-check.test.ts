import { describe, expect, test } from "bun:test";
import { journalHash, NO_HASH } from "../../../src/ledger/journal.ts";
import { JournalCheck, type JournalRow } from "./journal-check.ts";
import { RoundFindings } from "./round-violations.ts";

const OPENING = "o 1 1 100 initial - BRL/2 ";
const ENTRIES = ["c 1 1 1001 5 5 100 key:k-1 a b é", "c 1 2 1002 5 10 100 key:k-2 a b"] as const;

/** By the program's own hash, which the check does not use. */
function journal(
  { shard }: Pick<JournalRow, "shard">,
  ...batches: readonly (readonly [g: number, ...events: string[]])[]
): JournalRow[] {
  let previous = NO_HASH;
  return [[0, OPENING] as const, ...batches].map(([g, ...events]) => {
    const row = { shard, g, time: 1_000 + g, events, previous };
    const hash = journalHash(row);
    previous = hash;
    return {
      ...row,
      previous: Buffer.from(row.previous).toString("hex"),
      hash: Buffer.from(hash).toString("hex"),
    };
  });
}

const whole = journal({ shard: 0 }, [1, ENTRIES[0]], [2], [5, "m 1005 3 5"], [6, ENTRIES[1]]);

function found(rows: readonly JournalRow[], check = new JournalCheck()) {
  const findings = new RoundFindings();
  const fresh = check.check(rows, findings).map(({ g }) => g);
  return { fresh, details: findings.violations.map(({ detail }) => detail) };
}

describe("the torture's check of the journal", () => {
  test("finds nothing in a whole one, round by round, and tells what is new", () => {
    const check = new JournalCheck();
    expect(found(whole.slice(0, 3), check)).toEqual({ fresh: [0, 1, 2], details: [] });
    expect(found(whole, check)).toEqual({ fresh: [5, 6], details: [] });
    expect(found(whole, check)).toEqual({ fresh: [], details: [] });
  });

  const changed = (at: number, change: Partial<JournalRow>): JournalRow[] =>
    whole.map((row, index) => (index === at ? { ...row, ...change } : row));
  for (const [what, rows, detail] of [
    ["a changed event", changed(1, { events: [ENTRIES[0].replace("a b", "a c")] }), /is broken at batch 1,/],
    ["a changed time", changed(2, { time: 1 }), /is broken at batch 2,/],
    ["a changed hash", changed(2, { hash: "ab".repeat(32) }), /is broken at batch 2,/],
    ["a row that is gone", whole.toSpliced(2, 1), /is broken at batch 5, after 1/],
  ] as const)
    test(`finds ${what}`, () => {
      expect(found(rows).details.join("\n")).toMatch(detail);
    });

  test("finds another tail than an earlier round saw", () => {
    const check = new JournalCheck();
    found(whole.slice(0, 3), check);
    const other = journal({ shard: 0 }, [1, ENTRIES[0]], [2, ENTRIES[1]], [3]);
    expect(found(other, check).details).toEqual([
      "The journal of shard 0 had another batch 2 after an earlier round.",
    ]);
  });

  test("follows each shard's chain by itself", () => {
    const check = new JournalCheck();
    const other = journal({ shard: 1 }, [1, ENTRIES[0]], [2]);
    expect(found([...whole.slice(0, 3), ...other], check)).toEqual({
      fresh: [0, 1, 2, 0, 1, 2],
      details: [],
    });
    expect(found([...whole, ...other.slice(0, 2)], check)).toEqual({
      fresh: [5, 6],
      details: ["The journal of shard 1 had another batch 2 after an earlier round."],
    });
  });
});
