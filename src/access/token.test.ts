import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { hashOf, isToken, newToken } from "./token.ts";

test("a token is rz_ and 32 random bytes in base64url; what is kept is its SHA-256", () => {
  const tokens = Array.from({ length: 1000 }, newToken);
  expect(new Set(tokens).size).toBe(1000);
  for (const token of tokens) {
    expect(isToken(token)).toBe(true);
    expect(Buffer.from(token.slice(3), "base64url")).toHaveLength(32);
    expect(hashOf(token)).toBe(createHash("sha256").update(token).digest("base64"));
  }
});
