import { expect, test } from "bun:test";
import type { JournalSource, KeptRow } from "./journal-source.ts";
import { walkJournal } from "./journal-walk.ts";
import { PublicEvents } from "./to-public-events.ts";

const ROWS = 1_000;
const HASH = new Uint8Array(32);

/** Answers at once, as a data file does. */
const journal: JournalSource = {
  ends: async () => [{ shard: 0, g: ROWS, hash: HASH }],
  rows: async (shard, from, count) =>
    Array.from({ length: Math.min(count, ROWS + 1 - from) }, (_, index): KeptRow => ({
      shard,
      g: from + index,
      time: from + index,
      hash: HASH,
      events: [],
    })),
  hashesAt: async (rows) => rows.map(() => HASH),
  firstSince: async () => 0,
  eventTexts: async (places) => places.map(() => null),
  facts: async () => new Map(),
  onKept: () => () => {},
  close: async () => {},
};

test("whoever walks through the past leaves the process to others after each read", async () => {
  let isOver = false;
  let others = 0;
  const work = (): void => {
    others += 1;
    if (!isOver) setImmediate(work);
  };
  setImmediate(work);
  const at = (g: number) => [{ shard: 0, g, seen: null, mark: 0 }];
  const walks = Array.from({ length: 3 }, () =>
    walkJournal(journal, new PublicEvents(journal), {
      from: at(-1),
      to: at(ROWS),
      shards: [0],
      rowsMax: Infinity,
      take: () => true,
    }),
  );
  const walked = await Promise.all(walks);
  isOver = true;
  expect(walked.map(({ isDone }) => isDone)).toEqual([true, true, true]);
  // 8 rows, 16, 32, 64, 128, and 256 from then on.
  expect(others).toBeGreaterThanOrEqual(8);
});
