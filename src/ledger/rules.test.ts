import { describe, expect, test } from "bun:test";
import type { Refusal } from "./refusal.ts";
import {
  type AccountRow,
  applyTransaction,
  availableOf,
  capture,
  changeAccount,
  type ConditionRow,
  endHold,
  hold,
  MONEY_CENTS_MAX,
  openAccount,
  type PostingRow,
  transact,
  type TransactionRow,
} from "./rules.ts";

const NOW = 1_700_000_000_000_000;

function account(changes: Partial<AccountRow> = {}): AccountRow {
  const unit = "BRL/2";
  return {
    creditLimit: 1000,
    balance: -400,
    held: 0,
    seq: 7,
    time: NOW - 5,
    unit,
    state: "open",
    ...changes,
  };
}

const changeLimitOf = (row: AccountRow, creditLimit: number): Refusal | null =>
  changeAccount(row, creditLimit, row.state);

const WORLD_ROW = account({ creditLimit: 0, balance: 0, seq: 0, time: 0, unit: "" });

function posting(from: AccountRow | false, to: AccountRow | false, amount: number): PostingRow {
  const after = { fromSeq: 0, fromBalance: 0, toSeq: 0, toBalance: 0, fromTime: 0, toTime: 0 };
  return { from, to, amount, ...after };
}

function transaction(postings: PostingRow[], conditions: ConditionRow[] = []): TransactionRow {
  return { postings, conditions, refusedAt: 0 };
}

describe("transact", () => {
  test("where it is accepted, the row is as of the next entry", () => {
    const debited = account();
    expect(transact(debited, "debit", 600, NOW)).toBeNull();
    expect(debited).toEqual(account({ balance: -1000, seq: 8, time: NOW }));
    const credited = account();
    expect(transact(credited, "credit", 600, NOW)).toBeNull();
    expect(credited).toEqual(account({ balance: 200, seq: 8, time: NOW }));
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
  ["limit-too-low", account(), (row: AccountRow) => changeLimitOf(row, 399)],
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
  expect(changeLimitOf(changed, 400)).toBeNull();
  expect(changed).toEqual(account({ creditLimit: 400 }));
});

test("what is held can neither be debited nor be left without a limit; a credit does not look at it", () => {
  for (const [value, refusal] of [
    [500, null],
    [501, "limit-exceeded"],
  ] as const) {
    expect(transact(account({ held: 100 }), "debit", value, NOW)).toBe(refusal);
  }
  expect(changeLimitOf(account({ held: 100 }), 499)).toBe("limit-too-low");
  expect(changeLimitOf(account({ held: 100 }), 500)).toBeNull();
  const credited = account({ balance: 0, held: MONEY_CENTS_MAX });
  expect(transact(credited, "credit", MONEY_CENTS_MAX, NOW)).toBeNull();
  expect(credited).toMatchObject({ balance: MONEY_CENTS_MAX, held: MONEY_CENTS_MAX });
});

test("the largest amount is the largest integer that no sum rounds", () => {
  expect(MONEY_CENTS_MAX).toBe(Number.MAX_SAFE_INTEGER);
});

test("an opened account has its limit, no entry and balance 0", () => {
  expect(openAccount(5, "U/2", NOW)).toEqual({
    creditLimit: 5,
    balance: 0,
    held: 0,
    seq: 0,
    time: NOW,
    unit: "U/2",
    state: "open",
  });
});

describe("a transaction", () => {
  test("moves what each posting says, in their order, and notes both sides of each", () => {
    const [a, b] = [account({ balance: 0 }), account({ balance: 0, seq: 1 })];
    const rows = transaction([
      posting(WORLD_ROW, a, 10),
      posting(a, b, 4),
      posting(a, WORLD_ROW, 1),
      posting(b, a, 2),
    ]);
    expect(applyTransaction(rows, false, NOW)).toBeNull();
    expect(a).toEqual(account({ balance: 7, seq: 11, time: NOW + 3 }));
    expect(b).toEqual(account({ balance: 2, seq: 3, time: NOW + 1 }));
    expect(rows.postings).toMatchObject([
      { fromSeq: 0, fromBalance: 0, toSeq: 8, toBalance: 10 },
      { fromSeq: 9, fromBalance: 6, toSeq: 2, toBalance: 4 },
      { fromSeq: 10, fromBalance: 5, toSeq: 0, toBalance: 0 },
      { fromSeq: 3, fromBalance: 2, toSeq: 11, toBalance: 7 },
    ]);
  });

  test("each posting is checked as it is applied: what came in may go out again", () => {
    const [a, b] = [account({ balance: 0, creditLimit: 0 }), account({ balance: 0, creditLimit: 0 })];
    expect(applyTransaction(transaction([posting(a, b, 5)]), false, NOW)).toBe("limit-exceeded");
    expect(
      applyTransaction(transaction([posting(WORLD_ROW, a, 5), posting(a, b, 5)]), false, NOW),
    ).toBeNull();
    expect([a.balance, b.balance]).toEqual([0, 5]);
  });

  test("refused at a later posting it has changed nothing, and says at which", () => {
    for (const [last, refusal] of [
      [(a: AccountRow, b: AccountRow) => posting(a, b, 2_000), "limit-exceeded"],
      [(a: AccountRow) => posting(WORLD_ROW, a, MONEY_CENTS_MAX), "balance-out-of-range"],
      [(a: AccountRow, b: AccountRow) => posting(a, { ...b, unit: "USD/2" }, 1), "unit-mismatch"],
      [(a: AccountRow) => posting(a, false, 1), "account-unknown"],
    ] as const) {
      const [a, b] = [account({ balance: 100 }), account({ balance: 50 })];
      const rows = transaction([posting(a, b, 1), posting(b, a, 2), last(a, b)]);
      expect(applyTransaction(rows, false, NOW)).toBe(refusal);
      expect(rows.refusedAt).toBe(2);
      expect([a, b]).toEqual([account({ balance: 100 }), account({ balance: 50 })]);
    }
  });

  test("who may take part comes before conditions, and these before limits", () => {
    const poor = account({ balance: 0, creditLimit: 0 });
    const frozen = account({ state: "frozen" });
    const unmet: ConditionRow = { account: poor, what: "balance", least: 1, most: 2 ** 53 };
    const late = transaction([posting(poor, account(), 1), posting(frozen, poor, 1)], [unmet]);
    expect(applyTransaction(late, false, NOW)).toBe("account-frozen");
    expect(late.refusedAt).toBe(1);
    const second = transaction([posting(poor, account(), 1)], [{ ...unmet, least: 0 }, unmet]);
    expect(applyTransaction(second, false, NOW)).toBe("condition-failed");
    expect(second.refusedAt).toBe(1);
    const third = transaction([posting(poor, account(), 1)], [{ ...unmet, account: false }]);
    expect(applyTransaction(third, false, NOW)).toBe("account-unknown");
  });

  test("a frozen account takes in, and pays only what it was held for; a closed one takes no part", () => {
    const frozen = account({ state: "frozen", held: 10 });
    const closed = account({ state: "closed" });
    expect(applyTransaction(transaction([posting(account(), frozen, 1)]), false, NOW)).toBeNull();
    expect(applyTransaction(transaction([posting(frozen, account(), 1)]), false, NOW)).toBe("account-frozen");
    expect(capture(frozen, 10, transaction([posting(frozen, account(), 10)]), NOW)).toBeNull();
    expect(frozen).toMatchObject({ held: 0, balance: -409 });
    for (const [from, to] of [
      [closed, account()],
      [account(), closed],
    ] as const)
      expect(applyTransaction(transaction([posting(from, to, 1)]), false, NOW)).toBe("account-closed");
    expect(transact(closed, "credit", 1, NOW)).toBe("account-closed");
    expect(transact(frozen, "debit", 1, NOW)).toBe("account-frozen");
    expect(transact(frozen, "credit", 1, NOW)).toBeNull();
  });
});

describe("a condition", () => {
  const row = account({ balance: 100, creditLimit: 50, held: 30, seq: 7 });
  test.each([
    ["balance", 100],
    ["available", 120],
    ["seq", 7],
  ] as const)("%s is %i", (what, value) => {
    for (const [least, most, isMet] of [
      [value, value, true],
      [value + 1, 2 ** 53, false],
      [-(2 ** 53), value - 1, false],
      [-(2 ** 53), 2 ** 53, true],
    ] as const) {
      const rows = transaction(
        [posting(WORLD_ROW, account(), 1)],
        [{ account: { ...row }, what, least, most }],
      );
      expect(applyTransaction(rows, false, NOW)).toBe(isMet ? null : "condition-failed");
    }
  });
});

describe("a hold", () => {
  test("takes of what is available, to the last bit of it", () => {
    const row = account();
    expect(hold(row, 601)).toBe("limit-exceeded");
    expect(row).toEqual(account());
    expect(hold(row, 600)).toBeNull();
    expect(row).toEqual(account({ held: 600 }));
    expect(availableOf(row)).toBe(0);
    endHold(row, 600);
    expect(row).toEqual(account());
    expect([hold(account({ state: "frozen" }), 1), hold(account({ state: "closed" }), 1)]).toEqual([
      "account-frozen",
      "account-closed",
    ]);
  });

  test("captured it pays from what was held first; more than is available is refused, and it stays", () => {
    const row = account({ held: 500 });
    expect(capture(row, 400, transaction([posting(row, WORLD_ROW, 501)]), NOW)).toBe("limit-exceeded");
    expect(row).toEqual(account({ held: 500 }));
    expect(capture(row, 400, transaction([posting(row, WORLD_ROW, 500)]), NOW)).toBeNull();
    expect(row).toEqual(account({ balance: -900, held: 100, seq: 8, time: NOW }));
    expect(capture(row, 100, transaction([]), NOW)).toBeNull();
    expect(row.held).toBe(0);
  });
});

test("what is available is exact, and never more than the largest amount", () => {
  const max = MONEY_CENTS_MAX;
  expect(availableOf(account({ balance: max, creditLimit: max, held: max }))).toBe(max);
  expect(availableOf(account({ balance: max, creditLimit: max }))).toBe(max);
  expect(availableOf(account({ balance: max, creditLimit: 3, held: max - 1 }))).toBe(4);
});

test("an account is closed for good, and only when it is empty", () => {
  expect(changeAccount(account(), 1000, "closed")).toBe("account-not-empty");
  expect(changeAccount(account({ balance: 0, held: 1 }), 1000, "closed")).toBe("account-not-empty");
  const row = account({ balance: 0 });
  expect(changeAccount(row, 0, "closed")).toBeNull();
  expect(row).toEqual(account({ balance: 0, creditLimit: 0, state: "closed" }));
  expect(changeAccount(row, 0, "open")).toBe("account-closed");
});
