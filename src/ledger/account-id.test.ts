import { describe, expect, test } from "bun:test";
import { array, assert, constantFrom, integer, property, string } from "fast-check";
import { isAccountId, shardOf } from "./account-id.ts";
import { newAccountId } from "../new-account-id.ts";

const ALLOWED = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:{}-";

test.each(["1", "01", "a", "-", "...", ".a", "{a}b", "}{", "key:a", "__proto__", "a".repeat(64)])(
  "%j can be an id",
  (text) => {
    expect(isAccountId(text)).toBe(true);
  },
);

test.each(["", ".", "..", "+1", " 1", "1 ", "1\n", "a/b", "a%2fb", "a?", "a#", "a,b", "é", "１", "a\0"])(
  "%j cannot",
  (text) => {
    expect(isAccountId(text)).toBe(false);
  },
);

test("a text of 65 characters cannot be an id", () => {
  expect(isAccountId("a".repeat(65))).toBe(false);
});

test("an id has the characters that are allowed, and no others", () => {
  const allowed = array(constantFrom(...ALLOWED.split("")), { minLength: 1, maxLength: 64 });
  assert(
    property(allowed, (characters) => {
      const text = characters.join("");
      expect(isAccountId(text)).toBe(text !== "." && text !== "..");
    }),
  );
  const other = string({ unit: "binary", minLength: 1, maxLength: 1 }).filter(
    (character) => !ALLOWED.includes(character),
  );
  assert(
    property(allowed, other, integer({ min: 0, max: 63 }), (characters, wrong, at) => {
      expect(isAccountId(characters.toSpliced(at, 1, wrong).join(""))).toBe(false);
    }),
  );
});

describe("the shard of an account", () => {
  test("is 0 where there is one", () => {
    for (const id of ["1", "a{b}", newAccountId()]) expect(shardOf(id, 1)).toBe(0);
  });

  test("is the same for all ids with the same tag, whatever is around it", () => {
    for (const shards of [2, 3, 16]) {
      const tags = Array.from({ length: 40 }, (_, index) => `customer-${index}`);
      for (const tag of tags) {
        const expected = shardOf(tag, shards);
        for (const id of [`{${tag}}`, `a{${tag}}`, `{${tag}}:b`, `a}{${tag}}`, `a{}{${tag}}`, `{${tag}}{x}`])
          expect([id, shardOf(id, shards)]).toEqual([id, expected]);
      }
      expect(new Set(tags.map((tag) => shardOf(tag, shards))).size).toBe(shards);
    }
  });

  // Another one would look for the accounts of a running system where they are not. The values are xxHash32's own.
  test("stays what it was", () => {
    expect(shardOf("a", 2 ** 32)).toBe(0x55_0d_74_56);
    expect(shardOf("abc", 2 ** 32)).toBe(0x32_d1_53_ff);
    expect(["1", "2", "3", "4", "5"].map((id) => shardOf(id, 2))).toEqual([0, 0, 0, 0, 1]);
  });

  test("hangs on the whole id where it has no tag", () => {
    for (const form of ["{}", "{", "}", "}x{", "a{"]) {
      const ids = Array.from({ length: 40 }, (_, index) => `${form}${index}`);
      expect(new Set(ids.map((id) => shardOf(id, 3))).size).toBe(3);
    }
  });

  test.each([
    ["made ids", newAccountId],
    ["numbers", (index: number) => String(index + 1)],
    ["ids with a counted tail", (index: number) => `customer:${String(index).padStart(8, "0")}`],
    ["ids with a counted tag", (index: number) => `{${index}}:main`],
  ])("%s spread over all shards", (_, make) => {
    for (const shards of [2, 3, 4, 16]) {
      const counts = Array.from({ length: shards }, () => 0);
      for (let index = 0; index < 16_000; index += 1) {
        const shard = shardOf(make(index), shards);
        expect(counts[shard]).toBeDefined();
        counts[shard] = (counts[shard] ?? 0) + 1;
      }
      const share = 16_000 / shards;
      // Six standard deviations: a fair draw passes them once in ten million runs.
      const deviation = Math.sqrt(share * (1 - 1 / shards));
      for (const count of counts) expect(Math.abs(count - share)).toBeLessThan(6 * deviation);
    }
  });
});
