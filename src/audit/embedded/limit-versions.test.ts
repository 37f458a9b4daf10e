import { expect, test } from "bun:test";
import type { AccountId } from "../../ledger/account.ts";
import { LimitVersions } from "./limit-versions.ts";

test("numbers the limits of each of many accounts", () => {
  const versions = new LimitVersions();
  const accounts = Array.from({ length: 50_000 }, (_, index): AccountId => `a0mc3k9d2${index}`);
  const limit = (account: AccountId) =>
    versions.place(
      { type: "limit", account, seq: 0, time: 1, balance: 0, creditLimit: 5, id: "req:1" },
      account,
    );
  for (const version of [2, 3, 4])
    for (const account of accounts) expect(limit(account)).toEqual({ account, version, text: account });
});

test("an opening's is the first, whatever came before", () => {
  const versions = new LimitVersions();
  const open = (account: AccountId) =>
    versions.place(
      { type: "open", account, time: 1, creditLimit: 5, id: "initial", unit: "BRL/2", name: null },
      "o",
    );
  expect([open("1"), open("1"), open("2")].map(({ version }) => version)).toEqual([1, 1, 1]);
});
