import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { bounds } from "../bounds.ts";
import { type Cursor, formatCursor, markOf, parseCursor, type Position, startOf } from "./cursor.ts";

const place = fc.record({
  g: fc.oneof(fc.constant(0), fc.nat(), fc.constant(Number.MAX_SAFE_INTEGER - 1)),
  seen: fc.option(fc.integer({ min: 1, max: 10_000 })),
  mark: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
});
const position = fc.oneof(place, fc.constant({ g: -1, seen: null, mark: 0 }));
const cursors: fc.Arbitrary<Cursor> = fc
  .array(position, { minLength: 1, maxLength: bounds.shards_max })
  .map((places) => places.map((one, shard): Position => ({ shard, ...one })));

describe("a cursor", () => {
  test("is what it was after its text was read", () => {
    fc.assert(
      fc.property(cursors, (cursor) => {
        expect(parseCursor(formatCursor(cursor))).toEqual([...cursor]);
      }),
    );
  });

  test("of one shard has some 14 characters, and is fit for a query", () => {
    const text = formatCursor([{ shard: 0, g: 1_000_000, seen: 12, mark: 0xdeadbeef }]);
    expect(text.length).toBeLessThanOrEqual(14);
    expect(text).toMatch(/^[A-Za-z0-9_-]+$/);
  });

  test("has one text: whatever else is read is none", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.base64String(), fc.uint8Array().map(base64)), (text) => {
        const cursor = parseCursor(text);
        if (cursor !== null) expect(formatCursor(cursor)).toBe(text);
      }),
    );
  });

  test("that was damaged is none, or another one", () => {
    fc.assert(
      fc.property(cursors, fc.nat(), fc.string({ minLength: 1, maxLength: 1 }), (cursor, at, character) => {
        const text = formatCursor(cursor);
        const damaged = text.slice(0, at % text.length) + character + text.slice((at % text.length) + 1);
        const read = parseCursor(damaged);
        if (damaged !== text) expect(read).not.toEqual([...cursor]);
      }),
    );
  });

  test.each([
    ["nothing", []],
    ["no shard", [1]],
    ["another version", [2, 1, 0, 0, 0, 0, 1]],
    ["a number that is cut off", [1, 0x80]],
    ["a mark that is cut off", [1, 1, 0, 1, 2, 3]],
    ["a longer form of a number", [1, 0x81, 0x00, 0, 1, 2, 3, 4]],
    ["a number beyond 2^53", [1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 0, 0]],
    ["a number without an end", [1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]],
    ["a mark before the first row", [1, 0, 0, 0, 0, 0, 1]],
    [
      "too many shards",
      [1, ...Array.from({ length: bounds.shards_max + 1 }, () => [1, 0, 0, 0, 0, 1]).flat()],
    ],
  ])("has no text with %s", (_, bytes) => {
    expect(parseCursor(base64(Uint8Array.from(bytes)))).toBeNull();
  });

  test("has a mark of the first bytes of a row's hash, wherever that lies in memory", () => {
    const memory = Uint8Array.from([9, 9, 0xde, 0xad, 0xbe, 0xef, 7, 7]);
    expect(markOf(memory.subarray(2))).toBe(0xdeadbeef);
  });

  test("of the start has every shard", () => {
    expect(parseCursor(formatCursor(startOf(3)))).toEqual([...startOf(3)]);
  });
});

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64url");
}
