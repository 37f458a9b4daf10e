import { expect, test } from "bun:test";
import { assert, integer, property, string } from "fast-check";
import { cursorOf, keyOf, listName, pageOf } from "./page.ts";

const LIST = listName("holds", { account: "a", state: null });

test("a cursor leads back to its key, and says nothing that a query would have to escape", () => {
  assert(
    property(string({ unit: "grapheme" }), string(), (key, list) => {
      const cursor = cursorOf(list, key);
      expect(cursor).toMatch(/^[A-Za-z0-9_-]+$/);
      expect(keyOf(list, cursor)).toBe(key);
    }),
  );
});

test("a cursor of another list, a changed one and garbage are none", () => {
  const cursor = cursorOf(LIST, "h0-5-1-77");
  expect(keyOf(listName("holds", { account: "b", state: null }), cursor)).toBeNull();
  expect(keyOf(listName("transactions", { account: "a", state: null }), cursor)).toBeNull();
  for (const garbage of [
    "",
    "=",
    `${cursor}=`,
    `${cursor}A`,
    ` ${cursor}`,
    cursor.slice(1),
    cursor.slice(0, -1),
  ]) {
    expect(keyOf(LIST, garbage)).toBeNull();
  }
  assert(property(string(), (text) => expect(keyOf(LIST, text)).toBeNull()));
  assert(
    property(integer({ min: 0, max: cursor.length - 1 }), (at) => {
      const other = cursor[at] === "A" ? "B" : "A";
      expect(keyOf(LIST, cursor.slice(0, at) + other + cursor.slice(at + 1))).toBeNull();
    }),
  );
});

test("a page begins where nothing is said, with 50 items", () => {
  expect(pageOf(LIST, {})).toEqual({ ok: true, value: { count: 50, after: null } });
  expect(pageOf(LIST, { limit: 3, cursor: cursorOf(LIST, "k") })).toEqual({
    ok: true,
    value: { count: 3, after: "k" },
  });
  expect(pageOf(LIST, { cursor: "k" }).ok).toBe(false);
});

test("a cursor whose key no list has is refused, though anybody can make it", () => {
  for (const key of ["", "\0", "a\0b", " ", "é", "\ud800", "a/b", "'", "x".repeat(2001)]) {
    expect(pageOf(LIST, { cursor: cursorOf(LIST, key) }).ok).toBe(false);
  }
  for (const key of ["h0-5-1-77", "0-5-1_1-7-0", "{a}:b.c"]) {
    expect(pageOf(LIST, { cursor: cursorOf(LIST, key) })).toMatchObject({ ok: true, value: { after: key } });
  }
});
