import { describe, expect, test } from "bun:test";
import type { EventFilter } from "./event-source.ts";
import { EventReader } from "./event-reader.ts";
import { EventReaders } from "./event-readers.ts";

const ALL: EventFilter = { account: null, types: null, beginning: "" };
/** So many that all of them wait for 5 s between two wakings. */
const MANY = 100_000;

function readersOf(count: number) {
  const readers = new EventReaders(Infinity, Infinity);
  const all = Array.from({ length: count }, () => {
    const reader: EventReader = new EventReader(ALL, [], () => readers.delete(reader));
    reader.moveTo({ in: "ring", number: 7, cursor: "" });
    readers.add(reader);
    return reader;
  });
  return { readers, all };
}

describe("readers of events", () => {
  test("the first event wakes all of them at once, and what comes soon behind it waits where they are many", async () => {
    const { readers, all } = readersOf(MANY);
    let wakings = 0;
    const onWake = (): number => {
      wakings += 1;
      return 0;
    };
    const woken = Promise.all(all.map((reader) => reader.sleep()));
    readers.wakeSoon(onWake);
    await woken;
    readers.wakeSoon(onWake);
    readers.wakeSoon(onWake);
    expect(wakings).toBe(1);
    readers.endAll();
    expect(readers.count).toBe(0);
  });

  test("what waits comes without another event", async () => {
    const { readers, all } = readersOf(100);
    readers.wakeSoon(() => 0);
    const woken = Promise.all(all.map((reader) => reader.sleep()));
    readers.wakeSoon(() => 0);
    await woken;
    readers.endAll();
  });

  test("who has fallen behind the ring is ended and counted, the others go on", () => {
    const { readers, all } = readersOf(3);
    const [slow] = all;
    slow?.moveTo({ in: "ring", number: 6, cursor: "" });
    readers.wakeSoon(() => 7);
    expect(all.map(({ isOver }) => isOver)).toEqual([true, false, false]);
    expect(readers.cut).toBe(1);
    expect(readers.count).toBe(2);
    readers.endAll();
  });

  test("those who enter count, until they have or have not", async () => {
    const readers = new EventReaders(1, Infinity);
    expect(readers.isFull).toBe(false);
    const { promise, reject } = Promise.withResolvers<void>();
    const entering = readers.enter(() => promise);
    expect(readers.isFull).toBe(true);
    reject(new Error("the journal is away"));
    expect(await entering.catch(String)).toBe("Error: the journal is away");
    expect(readers.isFull).toBe(false);
  });
});
