import { describe, expect, test } from "bun:test";
import { MONEY_CENTS_MAX } from "../bounds.ts";
import type { Account } from "./account.ts";
import type { ChangeLimit, Transact } from "./command.ts";
import { decide, open } from "./decide.ts";

const NOW = 1_700_000_000_000_000;
const account: Account = { id: 1, name: "a", creditLimit: 1000, balance: -400, seq: 7, time: NOW - 5 };

function transact(kind: "credit" | "debit", value: number): Transact {
  return { type: "transact", id: "req:1", account: 1, kind, value, description: "x" };
}

function changeLimit(creditLimit: number): ChangeLimit {
  return { type: "change-limit", id: "req:1", account: 1, creditLimit };
}

describe("decide", () => {
  test("an accepted transaction makes the next entry and the account after it", () => {
    expect(decide(account, transact("debit", 600), NOW)).toEqual({
      type: "accepted",
      account: { ...account, balance: -1000, seq: 8, time: NOW },
      entry: {
        account: 1,
        seq: 8,
        kind: "debit",
        value: 600,
        balance: -1000,
        description: "x",
        id: "req:1",
        time: NOW,
      },
    });
  });

  test("the account that is passed in is not changed", () => {
    const before = structuredClone(account);
    decide(account, transact("credit", 1), NOW);
    decide(account, changeLimit(400), NOW);
    expect(account).toEqual(before);
  });

  test("time rises from entry to entry, whatever the clock does", () => {
    for (const now of [account.time, account.time - 1, 0]) {
      const decision = decide(account, transact("credit", 1), now);
      expect(decision).toMatchObject({
        account: { time: account.time + 1 },
        entry: { time: account.time + 1 },
      });
    }
  });

  // The order of precedence of refusal.ts. `key-reused` comes before all of these: the ledger that remembers ids checks it.
  test.each([
    ["account-unknown", null, transact("debit", MONEY_CENTS_MAX)],
    ["account-unknown", null, transact("credit", MONEY_CENTS_MAX)],
    ["account-unknown", null, changeLimit(0)],
    ["limit-exceeded", account, transact("debit", 601)],
    [
      "limit-exceeded",
      { ...account, balance: -MONEY_CENTS_MAX, creditLimit: MONEY_CENTS_MAX },
      transact("debit", MONEY_CENTS_MAX),
    ],
    ["limit-too-low", account, changeLimit(399)],
    ["balance-out-of-range", { ...account, balance: MONEY_CENTS_MAX }, transact("credit", 1)],
    ["balance-out-of-range", { ...account, balance: 1 }, transact("credit", MONEY_CENTS_MAX)],
  ] as const)("%s comes first where it holds", (refusal, subject, command) => {
    expect(decide(subject, command, NOW)).toEqual({ type: "refused", refusal });
  });

  test("the edges are inside: a debit to the limit, a credit to 2^53 - 1, a limit of what is owed", () => {
    expect(decide(account, transact("debit", 600), NOW).type).toBe("accepted");
    expect(decide({ ...account, balance: 0 }, transact("credit", MONEY_CENTS_MAX), NOW).type).toBe(
      "accepted",
    );
    expect(decide(account, changeLimit(400), NOW)).toEqual({
      type: "accepted",
      account: { ...account, creditLimit: 400 },
      entry: null,
    });
  });

  test("an account under its limit (one restored from elsewhere, say) can be credited all the same", () => {
    const under = { ...account, balance: -5000 };
    expect(decide(under, transact("credit", 1), NOW)).toMatchObject({
      type: "accepted",
      account: { balance: -4999 },
    });
    expect(decide(under, transact("debit", 1), NOW)).toEqual({ type: "refused", refusal: "limit-exceeded" });
  });
});

test("an opened account has its limit, no entry and balance 0", () => {
  const command = { type: "open", id: "req:1", creditLimit: 5, name: "n" } as const;
  expect(open(command, 6, NOW)).toEqual({ id: 6, name: "n", creditLimit: 5, balance: 0, seq: 0, time: NOW });
});
