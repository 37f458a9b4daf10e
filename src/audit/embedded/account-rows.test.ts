import { expect, test } from "bun:test";
import { type AccountRow, AccountRows } from "./account-rows.ts";

test("knows the latest row of each of many accounts", () => {
  const rows = new AccountRows();
  const rowOf = (number: number, round: number): AccountRow => ({
    creditLimit: 2 ** 53 - 1 - number,
    held: number * round,
    state: (["open", "frozen", "closed"] as const)[(number + round) % 3] ?? "open",
  });
  const accounts = Array.from({ length: 50_000 }, (_, index) => `a0mc3k9d2${index}`);
  for (const round of [1, 2])
    for (const [number, account] of accounts.entries()) rows.set(account, rowOf(number, round));
  for (const [number, account] of accounts.entries()) expect(rows.get(account)).toEqual(rowOf(number, 2));
  expect(rows.get("a0mc3k9d2")).toBeNull();
});
