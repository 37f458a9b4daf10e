import { describe, expect, test } from "bun:test";
import { EventRing, type RingEntry } from "./event-ring.ts";

describe("the ring of the latest events", () => {
  test("has them under their numbers", () => {
    const ring = new EventRing(1_000_000);
    for (let n = 0; n < 10; n += 1) ring.append(entry(n));
    expect([ring.first, ring.end]).toEqual([0, 10]);
    expect(Array.from({ length: 11 }, (_, n) => ring.at(n)?.cursor)).toEqual([
      ...Array.from({ length: 10 }, (_, n) => String(n)),
      undefined,
    ]);
  });

  test("lets the oldest go once there is no room, and keeps the numbers of the others", () => {
    const ring = new EventRing(20_000);
    for (let n = 0; n < 1_000; n += 1) {
      ring.append(entry(n));
      expect(ring.bytes).toBeLessThanOrEqual(20_000);
      expect(ring.end).toBe(n + 1);
      expect(ring.at(ring.first)?.cursor).toBe(String(ring.first));
      expect(ring.at(n)?.cursor).toBe(String(n));
      expect(ring.at(ring.first - 1)).toBeUndefined();
    }
    expect(ring.first).toBeGreaterThan(900);
  });

  test("keeps none that is larger than it", () => {
    const ring = new EventRing(20_000);
    ring.append(entry(0));
    ring.append(entry(1, 30_000));
    expect([ring.first, ring.end, ring.bytes]).toEqual([2, 2, 0]);
  });

  test("goes on with its numbers after it was cleared", () => {
    const ring = new EventRing(20_000);
    for (let n = 0; n < 5; n += 1) ring.append(entry(n));
    ring.clear();
    expect([ring.first, ring.end, ring.bytes]).toEqual([5, 5, 0]);
    ring.append(entry(5));
    expect([ring.at(4), ring.at(5)?.cursor]).toEqual([undefined, "5"]);
  });
});

function entry(n: number, bytes = 100): RingEntry {
  const amounts = { creditLimit: 0, balance: 0, held: 0, seq: 0 };
  const times = { time: 1, openedAt: 1 };
  const account = {
    id: "1",
    unit: "BRL/2",
    state: "open",
    ...amounts,
    ...times,
    name: null,
    metadata: {},
  } as const;
  const place = { shard: 0, g: n, index: 0 };
  const event = { id: `e0-${n}-0-1`, place, time: 1, type: "account.opened", account } as const;
  return { cursor: String(n), event, sse: new Uint8Array(bytes) };
}
