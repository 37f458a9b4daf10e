import { expect, test } from "bun:test";
import { AccountTable, withRoomFor } from "../../src/audit/books/account-table.ts";

const TWO_TO_53 = 2 ** 53;

/** Hashes as far apart as real ones, and some that want the same slot, the last one among them. */
const hashes = [
  0,
  ...Array.from({ length: 5000 }, (_, index) => (index * 1_779_033_703_951_737) % TWO_TO_53),
  ...Array.from({ length: 50 }, (_, index) => TWO_TO_53 - 1 - index),
];
const unique = [...new Set(hashes)];

test("a table gives each hash a number of its own, the same again, and grows", () => {
  const table = new AccountTable(10);
  expect(unique.map((hash) => table.add(hash))).toEqual(unique.keys().toArray());
  expect(table.room).toBeGreaterThanOrEqual(unique.length);
  expect(unique.map((hash) => table.numberOf(hash))).toEqual(unique.keys().toArray());
  expect(hashes.map((hash) => table.add(hash))).toEqual(hashes.map((hash) => unique.indexOf(hash)));
  expect(table.numberOf(12_345)).toBe(-1);
});

test("an array gets room for a number, and keeps what it has", () => {
  const array = Float64Array.of(1, 2);
  expect(withRoomFor(array, 1)).toBe(array);
  const longer = withRoomFor(array, 2);
  expect([longer.constructor, longer.length > 2, longer[1]]).toEqual([Float64Array, true, 2]);
  expect(withRoomFor(Uint8Array.of(3), 9)[0]).toBe(3);
});
