import { describe, expect, test } from "bun:test";
import { formatEvent } from "../../../src/ledger/event.ts";
import { journalHash, NO_HASH } from "../../../src/ledger/journal.ts";
import type { Attempt } from "../clients/history.ts";
import type { EntryRow } from "./account-states.ts";
import { JournalCheck, type JournalRow } from "./journal-check.ts";
import { RoundFindings } from "./round-violations.ts";

const entry = (seq: number, value = 5): EntryRow => ({
  account: "1",
  seq,
  kind: "credit",
  value,
  balance: value * seq,
  creditLimit: 100,
  description: "a b é",
  command: `key:k-${seq}`,
  time: 1_000 + seq,
});

const textOf = ({ creditLimit, command, ...row }: EntryRow): string =>
  formatEvent({ type: "entry", entry: { ...row, id: command }, creditLimit });

const REFUSAL = 'x 1009 limit-exceeded key:refused ["content"]';

/** By the program's own hash, which the check does not use. */
function journal(...batches: readonly (readonly [g: number, ...events: string[]])[]): JournalRow[] {
  let previous = NO_HASH;
  return [[0, "o 1 1 100 initial BRL/2 "] as const, ...batches].map(([g, ...events]) => {
    const row = { shard: 0, g, time: 1_000 + g, events, previous };
    const hash = journalHash(row);
    previous = hash;
    return {
      ...row,
      previous: Buffer.from(row.previous).toString("hex"),
      hash: Buffer.from(hash).toString("hex"),
    };
  });
}

const refused: Attempt = {
  number: 7,
  operation: { type: "transact", account: "1", kind: "debit", value: 999, description: "x" },
  key: "refused",
  sentAt: 0,
  endedAt: 1,
  answer: { type: "refused", problem: "limit-exceeded", replayed: false },
};

const whole = journal([1, textOf(entry(1))], [2, REFUSAL], [5, "m 1005 3 5"], [6, textOf(entry(2))]);
const entries = [entry(1), entry(2)];

function found(
  rows: readonly JournalRow[],
  of: readonly EntryRow[],
  attempts = [refused],
  check = new JournalCheck(),
  isLossNamed = false,
) {
  const findings = new RoundFindings();
  check.check(rows, of, { attempts, isLossNamed }, findings);
  return findings.violations.map(({ detail }) => detail);
}

describe("the torture's check of the journal", () => {
  test("finds nothing in a whole one, round by round", () => {
    const check = new JournalCheck();
    expect(found(whole.slice(0, 3), [entry(1)], [refused], check)).toEqual([]);
    expect(found(whole, [entry(2)], [], check)).toEqual([]);
    expect(found(whole, [], [], check)).toEqual([]);
  });

  const changed = (at: number, change: Partial<JournalRow>): JournalRow[] =>
    whole.map((row, index) => (index === at ? { ...row, ...change } : row));
  for (const [what, rows, detail] of [
    [
      "a changed event",
      changed(1, { events: [textOf(entry(1)).replace("a b", "a c")] }),
      /is broken at batch 1 /,
    ],
    ["a changed time", changed(2, { time: 1 }), /is broken at batch 2 /],
    ["a changed hash", changed(2, { hash: "ab".repeat(32) }), /is broken at batch 2 /],
    ["a row that is gone", whole.toSpliced(2, 1), /is broken at batch 5 of shard 0, after 1/],
    ["an entry that is not in it", journal([1, textOf(entry(1))], [2, REFUSAL]), /lacks c 1 2 /],
    [
      "an entry that is nowhere else",
      journal([1, ...[1, 2, 3].map((n) => textOf(entry(n)))], [2, REFUSAL]),
      /has c 1 3 /,
    ],
    [
      "a refusal that is not in it",
      journal([1, textOf(entry(1)), textOf(entry(2))]),
      /Attempt 7 was refused/,
    ],
  ] as const)
    test(`finds ${what}`, () => {
      expect(found(rows, entries).join("\n")).toMatch(detail);
    });

  describe("what was refused under a key and decided again", () => {
    const accepted = textOf(entry(1)).replace("key:k-1", "key:refused");
    const kept: EntryRow = { ...entry(1), command: "key:refused" };
    const [first, second] = [journal([1, REFUSAL]), journal([1, REFUSAL], [2, accepted])];
    const again = `The journal has a refusal under the key refused, and after it ${accepted}.`;

    test("is found", () => {
      expect(found(second, [kept])).toEqual([again]);
      expect(found(journal([1, REFUSAL, REFUSAL]), [])).toHaveLength(1);
    });

    test("is none where the refusal may have been lost, but in an earlier round it cannot have been", () => {
      expect(found(second, [kept], [], new JournalCheck(), true)).toEqual([]);
      const check = new JournalCheck();
      found(first, [], [refused], check);
      expect(found(second, [kept], [], check, true)).toEqual([again]);
    });
  });

  test("finds another tail than an earlier round saw", () => {
    const check = new JournalCheck();
    found(whole.slice(0, 3), [entry(1)], [refused], check);
    const other = journal([1, textOf(entry(1))], [2, REFUSAL, REFUSAL], [3, textOf(entry(2))]);
    expect(found(other, [entry(2)], [], check)).toEqual([
      "The journal had another batch 2 of shard 0 after an earlier round.",
    ]);
  });
});
