import { expect, test } from "bun:test";
import { type KeptKey, keyOfRow, rowOfKey } from "./kept-key.ts";
import { hashOf, newToken } from "./token.ts";

const key: KeptKey = {
  name: "shop",
  hash: hashOf(newToken()),
  scopes: new Set(["accounts:read", "holds:write"]),
  accounts: "acme:",
  rate: null,
  createdAt: 1,
  expiresAt: 2,
  revokedAt: null,
};

test("a row says what its key is", () => {
  expect(rowOfKey(key).scopes).toBe("accounts:read,holds:write");
  expect(rowOfKey(key).hash).toHaveLength(32);
  expect(keyOfRow(rowOfKey(key))).toEqual(key);
});

test("a scope of a later version allows nothing here", () => {
  expect(keyOfRow({ ...rowOfKey(key), scopes: "holds:write,moon:land" }).scopes).toEqual(
    new Set(["holds:write"]),
  );
  expect(keyOfRow({ ...rowOfKey(key), scopes: "moon:land" }).scopes).toEqual(new Set());
});
