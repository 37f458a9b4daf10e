import { expect, test } from "bun:test";
import * as fc from "fast-check";
import type { JournalSource, KeptRow } from "../events/journal-source.ts";
import { mergedRows } from "./merged-rows.ts";

/** A journal that gives few rows at once. */
function journalOf(shards: readonly (readonly KeptRow[])[]): JournalSource {
  const unused = () => Promise.reject(new Error("not asked for"));
  return {
    rows: async (shard, from, count) =>
      (shards[shard] ?? []).filter(({ g }) => g >= from).slice(0, Math.min(count, 2)),
    ends: unused,
    hashesAt: unused,
    firstSince: unused,
    eventTexts: unused,
    facts: unused,
    onKept: () => () => {},
    close: async () => {},
  };
}

/** Their times rise in each shard; some numbers are missing, as behind a gap. */
const shards = fc
  .array(fc.array(fc.tuple(fc.nat(3), fc.integer({ min: 1, max: 2 })), { maxLength: 9 }), {
    minLength: 1,
    maxLength: 4,
  })
  .map((all) =>
    all.map((steps, shard) => {
      let time = 0;
      let g = -1;
      return steps.map(([later, further]) => {
        time += later;
        g += further;
        return { shard, g, time, hash: new Uint8Array(32), events: [] };
      });
    }),
  );

test("rows come in the order of their times, then of their shards, from their beginnings to their ends", async () => {
  await fc.assert(
    fc.asyncProperty(shards, fc.nat(4), fc.nat(4), async (rows, skipped, cut) => {
      const from = rows.map((_, shard) => ({ shard, g: skipped }));
      const ends = rows.map((of, shard) => ({ shard, g: (of.at(-1)?.g ?? -1) - cut }));
      const merged = await Array.fromAsync(mergedRows(journalOf(rows), from, ends));
      const expected = rows
        .flatMap((of, shard) => of.filter(({ g }) => g >= skipped && g <= (ends[shard]?.g ?? -1)))
        .toSorted((a, b) => a.time - b.time || a.shard - b.shard || a.g - b.g);
      expect(merged).toEqual(expected);
    }),
  );
});
