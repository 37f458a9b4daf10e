import { expect, test } from "bun:test";
import { NOBODY } from "../../access/access-keys.ts";
import { keyJson } from "./key.ts";

test("a key with a rate of its own is told it", () => {
  const key = { ...NOBODY, name: "busy", scopes: new Set(["admin"] as const), rate: 50 };
  expect(JSON.parse(keyJson(key))).toEqual({
    name: "busy",
    scopes: ["admin"],
    accounts: "*",
    expires_at: null,
    rate: 50,
  });
});
