import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { journalHash, NO_HASH } from "../../src/ledger/journal.ts";
import type { JournalSource, KeptRow } from "../../src/events/journal-source.ts";
import { eventually } from "../support/eventually.ts";
import type { LedgerSource } from "../support/ledger-source.ts";

export interface JournalUnderTest extends AsyncDisposable {
  readonly journal: JournalSource;
  readonly source: LedgerSource;
  /** Keeps one row with these events of the source. */
  keep(...events: readonly string[]): Promise<void>;
}

/** The journal as readers of events use it: every adapter passes this whole. */
export function journalSourceSuite(name: string, start: () => Promise<JournalUnderTest>): void {
  describe(`the journal as a source of events: ${name}`, () => {
    let subject: JournalUnderTest;
    let journal: JournalSource;
    let source: LedgerSource;

    beforeEach(async () => {
      subject = await start();
      ({ journal, source } = subject);
    });
    afterEach(() => subject[Symbol.asyncDispose]());

    /** Three rows after the first one: of two, one and one events. */
    async function keepThree(): Promise<void> {
      await subject.keep(source.entry("1", 5), source.transaction([["1", "2", 3]]));
      await subject.keep(source.entry("3", 7));
      await subject.keep(source.open("x", 0, 'a "name" \\ é', { unit: "GOLD/6" }));
    }

    const all = (): Promise<readonly KeptRow[]> => journal.rows(0, 0, 100);

    test("rows come whole and in order, with the hashes that chain them", async () => {
      await keepThree();
      const rows = await all();
      expect(rows.map(({ shard, g, events }) => [shard, g, events.length])).toEqual([
        [0, 0, 5],
        [0, 1, 2],
        [0, 2, 1],
        [0, 3, 1],
      ]);
      let previous = NO_HASH;
      for (const row of rows) {
        expect(Buffer.from(row.hash)).toEqual(Buffer.from(journalHash({ ...row, previous })));
        previous = row.hash;
      }
      expect(rows[3]?.events[0]).toContain('a \\"name\\" \\\\ é');
    });

    test("from any row on, so many of them", async () => {
      await keepThree();
      const numbers = async (from: number, count: number) =>
        (await journal.rows(0, from, count)).map(({ g }) => g);
      expect(await numbers(1, 2)).toEqual([1, 2]);
      expect(await numbers(3, 10)).toEqual([3]);
      expect(await numbers(4, 10)).toEqual([]);
    });

    test("large rows come a few at a time, one at least", async () => {
      for (let row = 0; row < 6; row += 1) {
        // Nothing that could be compressed.
        const text = crypto.getRandomValues(Buffer.alloc(60_000)).toString("base64");
        await subject.keep(source.entry("1", 1, text), source.entry("1", 1, text.slice(1)));
      }
      const seen: number[] = [];
      for (let from = 1; ;) {
        const rows = await journal.rows(0, from, 100);
        expect(rows.length).toBeLessThan(6);
        if (rows.length === 0) break;
        seen.push(...rows.map(({ g }) => g));
        from = (seen.at(-1) ?? 0) + 1;
      }
      expect(seen).toEqual([1, 2, 3, 4, 5, 6]);
    });

    test("its end is the last row", async () => {
      const [first] = await all();
      expect((await journal.ends())[0]).toEqual({ shard: 0, g: 0, hash: first?.hash ?? NO_HASH });
      await keepThree();
      const last = (await all()).at(-1);
      expect((await journal.ends())[0]).toEqual({ shard: 0, g: 3, hash: last?.hash ?? NO_HASH });
    });

    test("the hashes of some rows, and nothing for those that there are not", async () => {
      await keepThree();
      const rows = await all();
      const asked = [
        { shard: 0, g: 3 },
        { shard: 0, g: 4 },
        { shard: 63, g: 0 },
        { shard: 0, g: 1 },
        { shard: 0, g: 3 },
      ];
      expect(
        (await journal.hashesAt(asked)).map((hash) => hash && Buffer.from(hash).toString("hex")),
      ).toEqual(
        [rows[3], null, null, rows[1], rows[3]].map((row) =>
          row ? Buffer.from(row.hash).toString("hex") : null,
        ),
      );
      expect(await journal.hashesAt([])).toEqual([]);
    });

    test("the first row at or after a time; one behind the last, if there is none", async () => {
      await keepThree();
      const times = (await all()).map(({ time }) => time);
      expect(await journal.firstSince(0, 0)).toBe(0);
      for (const [g, time] of times.entries()) {
        expect(await journal.firstSince(0, time)).toBe(g);
        expect(await journal.firstSince(0, time + 1)).toBe(g + 1);
      }
      expect(await journal.firstSince(0, Number.MAX_SAFE_INTEGER)).toBe(4);
    });

    test("single events, and nothing for those that there are not", async () => {
      await keepThree();
      const rows = await all();
      const places = [
        { shard: 0, g: 1, index: 1 },
        { shard: 0, g: 1, index: 2 },
        { shard: 0, g: 9, index: 0 },
        { shard: 9, g: 1, index: 0 },
        { shard: 0, g: 1, index: 0 },
        { shard: 0, g: 3, index: 0 },
      ];
      const text = (g: number, index: number) => rows[g]?.events[index] ?? "";
      expect(await journal.eventTexts(places)).toEqual([
        text(1, 1),
        null,
        null,
        null,
        text(1, 0),
        text(3, 0),
      ]);
      expect(await journal.eventTexts([])).toEqual([]);
    });

    test("what never changes of accounts, but for those that there are not", async () => {
      await keepThree();
      await subject.keep(source.change("x", { name: "another" }));
      const rows = await all();
      const found = await journal.facts(["x", "nobody", "1", "{a}:b.c-d"]);
      expect([...found].toSorted(([a], [b]) => (a < b ? -1 : 1))).toEqual([
        ["1", { unit: "BRL/2", openedAt: rows[0]?.time ?? Number.NaN }],
        ["x", { unit: "GOLD/6", openedAt: rows[3]?.time ?? Number.NaN }],
      ]);
      expect(await journal.facts([])).toEqual(new Map());
    });

    test("who listens is called after each row, until it stops", async () => {
      const calls = { one: 0, two: 0 };
      const stopOne = journal.onKept(() => (calls.one += 1));
      const stopTwo = journal.onKept(() => (calls.two += 1));
      await subject.keep(source.entry("1", 1));
      await eventually("both are called", () => calls.one > 0 && calls.two > 0);
      stopOne();
      const before = { ...calls };
      await subject.keep(source.entry("1", 1));
      await eventually("the other one is called", () => calls.two > before.two);
      expect(calls.one).toBe(before.one);
      stopTwo();
      const stopAgain = journal.onKept(() => (calls.one += 1));
      await subject.keep(source.entry("1", 1));
      await eventually("it is called again", () => calls.one > before.one);
      stopAgain();
    });

    test("once it is closed it says so", async () => {
      const stop = journal.onKept(() => {});
      await journal.ends();
      await journal.close();
      stop();
      const gone = { name: "LedgerUnavailable", outcome: "none" };
      expect(journal.ends()).rejects.toMatchObject(gone);
      expect(journal.rows(0, 0, 1)).rejects.toMatchObject(gone);
      expect(journal.facts(["1"])).rejects.toMatchObject(gone);
      await journal.close();
    });
  });
}
