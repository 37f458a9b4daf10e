import { expect, test } from "bun:test";
import { StartError } from "../errors.ts";
import { type KeyFlags, parseKeyFlags } from "./key-flags.ts";
import { SCOPES } from "./scope.ts";

const NOW = Date.UTC(2030, 0, 1) * 1000;
const DAY = 86_400_000_000;

function parse(flags: Partial<KeyFlags>) {
  return parseKeyFlags({ name: "shop", scopes: "admin", ...flags }, NOW);
}

test("a key as its flags say", () => {
  const flags = {
    name: "shop-2",
    scopes: "transactions:write, accounts:read",
    accounts: "acme:*",
    rate: "500",
  };
  expect(parse({ ...flags, expires: "90d" })).toEqual({
    name: "shop-2",
    scopes: new Set(["accounts:read", "transactions:write"] as const),
    accounts: "acme:",
    expiresAt: NOW + 90 * DAY,
    rate: 500,
  });
});

test("what is left out is no limit", () => {
  expect(parse({})).toMatchObject({ accounts: "", expiresAt: null, rate: null });
  expect(parse({ accounts: "*" })).toMatchObject({ accounts: "" });
});

test.each(SCOPES)("the scope %s", (scope) => {
  expect([...parse({ scopes: scope }).scopes]).toEqual([scope]);
});

test.each([
  ["12h", NOW + DAY / 2],
  ["1d", NOW + DAY],
  ["2030-01-31", NOW + 30 * DAY],
  ["2030-01-01T00:00:00.000001Z", NOW + 1],
  // The last time that is told exactly: PostgreSQL's integers are longer, and no API reads a longer one.
  ["99999d", Number.MAX_SAFE_INTEGER],
  ["9999-12-31", Number.MAX_SAFE_INTEGER],
])("it expires %s", (expires, at) => {
  expect(parse({ expires }).expiresAt).toBe(at);
});

test.each<[string, Partial<KeyFlags>]>([
  ["--name must be 1 to 32", { name: "" }],
  ["--name must be 1 to 32", { name: "Shop" }],
  ["--name must be 1 to 32", { name: "-shop" }],
  ["--name must be 1 to 32", { name: "s".repeat(33) }],
  ["--name must be 1 to 32", { name: "shop\n" }],
  ["--scopes must be some of accounts:read,", { scopes: "accounts" }],
  ["--scopes must be some of accounts:read,", { scopes: "admin," }],
  ["--scopes must be some of accounts:read,", { scopes: "Admin" }],
  ["--accounts must be the beginning", { scopes: "events:read", accounts: "acme:" }],
  ["--accounts must be the beginning", { scopes: "events:read", accounts: "a*b*" }],
  ["--accounts must be the beginning", { scopes: "events:read", accounts: "@world*" }],
  ["--accounts is not for a key with the scope admin", { accounts: "acme:*" }],
  ["--expires must be a time from now", { expires: "90" }],
  ["--expires must be a time from now", { expires: "0d" }],
  ["--expires must be a time from now", { expires: "-1d" }],
  ["--expires must be a time from now", { expires: "1m" }],
  ["--expires must be a time from now", { expires: "2030-01-01" }],
  ["--expires must be a time from now", { expires: "2030-02-30" }],
  ["--rate must be how many requests a second", { rate: "0" }],
  ["--rate must be how many requests a second", { rate: "1.5" }],
  ["--rate must be how many requests a second", { rate: "1000001" }],
])("%s: %j", (message, flags) => {
  expect(() => parse(flags)).toThrow(StartError);
  expect(() => parse(flags)).toThrow(new RegExp(`^${message}[^;]*\\.$`));
});

test("all that is wrong is said in one sentence", () => {
  expect(() => parse({ name: "", rate: "x", expires: "y" })).toThrow(
    /^--name .*; --expires .*; --rate .*\.$/,
  );
});
