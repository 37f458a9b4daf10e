import { describe, expect, test } from "bun:test";
import { type AccountRow, changeLimit, MONEY_CENTS_MAX, openAccount, transact } from "./rules.ts";

const NOW = 1_700_000_000_000_000;

function account(changes: Partial<AccountRow> = {}): AccountRow {
  return { creditLimit: 1000, balance: -400, held: 0, seq: 7, time: NOW - 5, ...changes };
}

describe("transact", () => {
  test("where it is accepted, the row is as of the next entry", () => {
    const debited = account();
    expect(transact(debited, "debit", 600, NOW)).toBeNull();
    expect(debited).toEqual({ creditLimit: 1000, balance: -1000, held: 0, seq: 8, time: NOW });
    const credited = account();
    expect(transact(credited, "credit", 600, NOW)).toBeNull();
    expect(credited).toEqual({ creditLimit: 1000, balance: 200, held: 0, seq: 8, time: NOW });
  });

  test("time rises from entry to entry, whatever the clock does", () => {
    const { time } = account();
    for (const now of [time, time - 1, 0]) {
      const row = account();
      expect(transact(row, "credit", 1, now)).toBeNull();
      expect(row.time).toBe(time + 1);
    }
  });

  test("an account under its limit (one restored from elsewhere, say) can be credited all the same", () => {
    const under = account({ balance: -5000 });
    expect(transact(under, "credit", 1, NOW)).toBeNull();
    expect(under.balance).toBe(-4999);
    expect(transact(under, "debit", 1, NOW)).toBe("limit-exceeded");
  });
});

// The order of precedence of refusal.ts. `key-reused` and `account-unknown` come before all of these: the ledger that
// remembers ids and keeps accounts checks them.
test.each([
  ["limit-exceeded", account(), (row: AccountRow) => transact(row, "debit", 601, NOW)],
  [
    "limit-exceeded",
    account({ balance: -MONEY_CENTS_MAX, creditLimit: MONEY_CENTS_MAX }),
    (row: AccountRow) => transact(row, "debit", MONEY_CENTS_MAX, NOW),
  ],
  ["limit-too-low", account(), (row: AccountRow) => changeLimit(row, 399)],
  [
    "balance-out-of-range",
    account({ balance: MONEY_CENTS_MAX }),
    (row: AccountRow) => transact(row, "credit", 1, NOW),
  ],
  [
    "balance-out-of-range",
    account({ balance: 1 }),
    (row: AccountRow) => transact(row, "credit", MONEY_CENTS_MAX, NOW),
  ],
] as const)("%s, and nothing is changed", (refusal, row, rule) => {
  const before = { ...row };
  expect(rule(row)).toBe(refusal);
  expect(row).toEqual(before);
});

test("the edges are inside: a debit to the limit, a credit to 2^53 - 1, a limit of what is owed", () => {
  expect(transact(account(), "debit", 600, NOW)).toBeNull();
  expect(transact(account({ balance: 0 }), "credit", MONEY_CENTS_MAX, NOW)).toBeNull();
  const changed = account();
  expect(changeLimit(changed, 400)).toBeNull();
  expect(changed).toEqual(account({ creditLimit: 400 }));
});

test("what is held can neither be debited nor be left without a limit; a credit does not look at it", () => {
  for (const [value, refusal] of [
    [500, null],
    [501, "limit-exceeded"],
  ] as const) {
    expect(transact(account({ held: 100 }), "debit", value, NOW)).toBe(refusal);
  }
  expect(changeLimit(account({ held: 100 }), 499)).toBe("limit-too-low");
  expect(changeLimit(account({ held: 100 }), 500)).toBeNull();
  const credited = account({ balance: 0, held: MONEY_CENTS_MAX });
  expect(transact(credited, "credit", MONEY_CENTS_MAX, NOW)).toBeNull();
  expect(credited).toMatchObject({ balance: MONEY_CENTS_MAX, held: MONEY_CENTS_MAX });
});

test("the largest amount is the largest integer that no sum rounds", () => {
  expect(MONEY_CENTS_MAX).toBe(Number.MAX_SAFE_INTEGER);
});

test("an opened account has its limit, no entry and balance 0", () => {
  expect(openAccount(5, NOW)).toEqual({ creditLimit: 5, balance: 0, held: 0, seq: 0, time: NOW });
});
