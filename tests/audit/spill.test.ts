import { expect, test } from "bun:test";
import { readdirSync, statSync } from "node:fs";
import { withSpillDatabase } from "../../src/audit/spill/spill-database.ts";
import { KeySpill } from "../../src/audit/spill/key-spill.ts";
import { OutboxSpill } from "../../src/audit/spill/outbox-spill.ts";
import { failOnLeaks } from "../support/leaks.ts";

failOnLeaks();

const MEGABYTE = 1024 * 1024;
const TEXT = `c 1 1 1 1 1 1 req:1 ${"x".repeat(10_000)}`;

/** The files without a name that this process has open: their sizes by inode. */
function nameless(): Map<number, number> {
  const files = readdirSync("/proc/self/fd").flatMap((descriptor): [number, number][] => {
    const file = statSync(`/proc/self/fd/${descriptor}`, { throwIfNoEntry: false });
    return file?.isFile() === true && file.nlink === 0 ? [[file.ino, file.size]] : [];
  });
  return new Map(files);
}

test.skipIf(process.platform !== "linux")(
  "spilled data leaves the memory for a file without a name, which is gone afterwards",
  async () => {
    // Removed logs of other tests' servers may be open in this process.
    const others = nameless();
    const largestNameless = (): number =>
      Math.max(0, ...[...nameless()].map(([inode, size]) => (others.has(inode) ? 0 : size)));
    await withSpillDatabase(async (spill) => {
      const outbox = new OutboxSpill(spill, 0);
      const page = (g: number) => [{ g, events: Array.from({ length: 100 }, () => TEXT) }];
      for (let g = 1; g <= 4; g += 1) outbox.take(page(g));
      expect(largestNameless()).toBeLessThan(MEGABYTE);
      for (let g = 5; g <= 60; g += 1) outbox.take(page(g));
      expect(largestNameless()).toBeGreaterThan(20 * MEGABYTE);
      expect(outbox.lastG).toBe(60);
      expect(outbox.entriesAfter(50)).toBe(1000);
    });
    expect(largestNameless()).toBeLessThan(MEGABYTE);
  },
);

test("without room for it, the audit ends with exit code 2 and says what to do", async () => {
  const refused: unknown = await withSpillDatabase(async (spill) => {
    spill.run("PRAGMA temp.max_page_count = 20");
    new OutboxSpill(spill, 0).take([{ g: 1, events: Array.from({ length: 100 }, () => TEXT) }]);
  }).catch((error: unknown) => error);
  expect(refused).toMatchObject({ exitCode: 2, message: expect.stringContaining("set TMPDIR") });
});

test("a spilled outbox returns everything in order, and is deleted for the next one", async () => {
  await withSpillDatabase(async (spill) => {
    const outbox = new OutboxSpill(spill, 0);
    const credit = (account: number, seq: number) => `c ${account} ${seq} 1 1 1 1 req:1 c`;
    outbox.take([
      { g: 7, events: [credit(3, 1), credit(2, 1), credit(3, 2)] },
      { g: 8, events: ["no event", "o 11 1 1 req:1 - BRL/2 "] },
      { g: 10, events: [credit(3, 3)] },
    ]);
    expect([...outbox.batchNumbersAfter(7)]).toEqual([8, 10]);
    expect([...outbox.eventsOf("3", 0, 10)].map(({ text }) => text)).toEqual(
      [1, 2, 3].map((seq) => credit(3, seq)),
    );
    expect([...outbox.eventsOf("3", 7, 9)]).toEqual([]);
    expect(outbox.entriesAfter(0)).toBe(4);
    expect(outbox.malformedAfter(0)).toEqual([{ g: 8, text: "no event" }]);
    expect([...outbox.pagesUpTo(8)].flat().map(({ g, events }) => [g, events.length])).toEqual([
      [7, 3],
      [8, 2],
    ]);
    expect(outbox.batch(9)).toEqual([]);
    const next = new OutboxSpill(spill, 0);
    expect([...next.batchNumbersAfter(0)]).toEqual([]);
    expect(next.batch(7)).toEqual([]);
  });
});

test("accounts that are to be compared are taken once, by shard, those of the outbox too", async () => {
  await withSpillDatabase(async (spill) => {
    const changing = new KeySpill(spill, "changing");
    const outbox = new OutboxSpill(spill, 0);
    outbox.take([
      { g: 1, events: ["c old 1 1 1 1 1 req:1 c"] },
      { g: 2, events: ["c b 1 1 1 1 1 req:2 c", "c new 1 1 1 1 1 req:3 c", "no event"] },
    ]);
    for (const account of ["a", "b", "a", "c"]) changing.add(0, account);
    changing.add(1, "other");
    expect([changing.count(0), changing.count(1), changing.count(2)]).toEqual([3, 1, 0]);
    expect(changing.take(0, 2)).toEqual(["a", "b"]);
    outbox.addAccountsAfter(1, 0);
    expect(changing.count(0)).toBe(2);
    expect(changing.take(0, 9)).toEqual(["c", "new"]);
    expect(changing.take(0, 9)).toEqual([]);
    expect(changing.take(1, 9)).toEqual(["other"]);
  });
});
