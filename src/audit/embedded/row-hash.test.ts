import { expect, test } from "bun:test";
import { RowHash } from "./row-hash.ts";

type Add = (hash: RowHash) => RowHash;

test("another hash for other fields, in whatever they differ", () => {
  const rows: readonly Add[] = [
    (hash) => hash,
    ...["", "a", "b", "ab", "ba", "abc", "abd", "\0\0", "é", "€", "𝄞"].map(
      (text): Add =>
        (hash) =>
          hash.text(text),
    ),
    (hash) => hash.text("a").text("bc"),
    (hash) => hash.text("ab").text("c"),
    (hash) => hash.text("").text("abc"),
    ...[0, 1, -1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, -(2 ** 32), 2 ** 53 - 1, 1 - 2 ** 53].map(
      (number): Add =>
        (hash) =>
          hash.number(number),
    ),
  ];
  const hash = new RowHash();
  const hashes = rows.map((add) => add(hash.restart()).bits53);
  expect(new Set(hashes).size).toBe(rows.length);
  expect(rows.map((add) => add(hash.restart()).bits53)).toEqual(hashes);
  expect(hashes.every((number) => Number.isSafeInteger(number) && number >= 0)).toBe(true);
});
