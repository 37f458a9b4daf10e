import { expect, test } from "bun:test";
import { MONEY_CENTS_MAX } from "../../src/ledger/rules.ts";
import { condition, moved, page, refused, resultOf, transaction } from "../support/ledger/commands.ts";
import { type Moves, NOBODY } from "../support/ledger/moves.ts";

export function transactionsSection(the: () => Moves): void {
  test("all postings happen, in their order, with an entry on each side", async () => {
    const { ledger, account } = the();
    const [a, b] = [await account(0), await account(0)];
    const result = moved(
      await ledger.submit(
        transaction(
          [
            ["@world", a, 100],
            [a, b, 70],
            [b, "@world", 20],
          ],
          { description: "order 7", reference: "o-7", metadata: { shop: "x" } },
        ),
      ),
    );
    const { id, time } = result.transaction;
    expect(result.transaction).toEqual({
      id: expect.stringMatching(/^[A-Za-z0-9._:{}-]{1,64}$/),
      postings: [
        { from: "@world", to: a, amount: 100 },
        { from: a, to: b, amount: 70 },
        { from: b, to: "@world", amount: 20 },
      ],
      description: "order 7",
      reference: "o-7",
      metadata: { shop: "x" },
      reverses: null,
      hold: null,
      time: expect.any(Number),
    });
    const stateOfA = await ledger.account(a);
    expect(result.accounts).toHaveLength(2);
    // Without name and metadata.
    const [first] = result.accounts.map((state) => ({ ...state, name: null, metadata: {} }));
    expect(stateOfA).toEqual(first ?? null);
    expect(result.accounts.flatMap((state) => Object.keys(state))).not.toContain("metadata");
    expect(result.accounts[1]).toMatchObject({ id: b, balance: 50, held: 0, seq: 2, state: "open" });
    expect(stateOfA).toMatchObject({ balance: 30, seq: 2 });
    const common = { description: "order 7", reference: "o-7", transaction: id };
    expect(await ledger.entries(a, page())).toMatchObject([
      { account: a, seq: 2, kind: "debit", value: 70, balance: 30, counterparty: b, ...common },
      { account: a, seq: 1, kind: "credit", value: 100, balance: 100, counterparty: "@world", ...common },
    ]);
    expect(await ledger.entries(b, page())).toMatchObject([
      { seq: 2, kind: "debit", value: 20, balance: 50, counterparty: "@world", ...common },
      { seq: 1, kind: "credit", value: 70, balance: 70, counterparty: a, ...common },
    ]);
    expect(await ledger.transaction(id)).toEqual({
      transaction: { ...result.transaction, time },
      reversedBy: null,
    });
  });

  test("a posting that is refused takes back those before it", async () => {
    const { ledger, account } = the();
    const [a, b, c] = [await account(0, 50), await account(0), await account(0)];
    const before = await Promise.all([a, b, c].map((id) => ledger.account(id)));
    const outcome = await ledger.submit(
      transaction([
        [a, b, 50],
        [b, c, 30],
        [b, a, 21],
      ]),
    );
    expect(outcome).toEqual(refused("limit-exceeded", { account: b, index: 2 }));
    expect(await Promise.all([a, b, c].map((id) => ledger.account(id)))).toEqual(before);
    expect(await ledger.entries(b, page())).toEqual([]);
    // Seq and time go on as if nothing had been.
    resultOf(await ledger.submit(transaction([[a, b, 1]])));
    expect(await ledger.entries(b, page())).toMatchObject([{ seq: 1, balance: 1 }]);
  });

  test("what one posting brings, a later one may take, not an earlier one", async () => {
    const { ledger, account } = the();
    const [a, b] = [await account(0), await account(0)];
    expect(
      await ledger.submit(
        transaction([
          [a, b, 10],
          ["@world", a, 10],
        ]),
      ),
    ).toEqual(refused("limit-exceeded", { account: a, index: 0 }));
    const result = moved(
      await ledger.submit(
        transaction([
          ["@world", a, 10],
          [a, b, 10],
        ]),
      ),
    );
    expect(result.accounts).toMatchObject([
      { id: a, balance: 0, seq: 2 },
      { id: b, balance: 10, seq: 1 },
    ]);
  });

  test("20 postings of one account are 20 entries, whose times rise", async () => {
    const { ledger, account } = the();
    const [a, b] = [await account(0, 20), await account(0)];
    resultOf(await ledger.submit(transaction(Array.from({ length: 20 }, () => [a, b, 1] as const))));
    const entries = (await ledger.entries(b, page({ order: "asc" }))) ?? [];
    expect(entries.map(({ seq, balance }) => [seq, balance])).toEqual(
      Array.from({ length: 20 }, (_, index) => [index + 1, index + 1]),
    );
    for (const [index, { time }] of entries.entries())
      expect(time).toBeGreaterThan(entries[index - 1]?.time ?? 0);
    expect(entries.at(-1)?.time).toBe((await ledger.account(b))?.time ?? Number.NaN);
  });

  test("conditions hold before the first posting: balance, available and seq, with both bounds", async () => {
    const { ledger, account } = the();
    const [a, b] = [await account(100, 40), await account(0, 5)];
    const met = [
      condition(a, "balance", 40, 40),
      condition(a, "balance", 40),
      condition(a, "balance", null, 40),
      condition(a, "available", 140, 140),
      condition(a, "seq", 1, 1),
      condition(b, "balance", 5, 5),
    ];
    const result = moved(await ledger.submit(transaction([[a, b, 10]], { conditions: met })));
    expect(result.accounts).toMatchObject([{ balance: 30 }, { balance: 15 }]);
    for (const [index, failing] of [
      condition(a, "balance", 31),
      condition(a, "balance", null, 29),
      condition(a, "available", 131),
      condition(a, "seq", 1, 1),
      condition(b, "balance", 5, 5),
    ].entries()) {
      const conditions = [...Array.from({ length: index }, () => condition(b, "balance", 15)), failing];
      expect(await ledger.submit(transaction([[a, b, 1]], { conditions }))).toEqual(
        refused("condition-failed", { account: failing.account, index }),
      );
    }
    const unknown = [condition(a, "balance", 0), condition(NOBODY, "balance", 0)];
    expect(await ledger.submit(transaction([[a, b, 1]], { conditions: unknown }))).toEqual(
      refused("account-unknown", { account: NOBODY, index: 1 }),
    );
    expect(await ledger.account(a)).toMatchObject({ balance: 30, seq: 2 });
  });

  test("a dry run answers like the transaction, changes nothing, and does not look at its key", async () => {
    const { ledger, account } = the();
    const [a, b] = [await account(0, 50), await account(0)];
    const before = await ledger.account(a);
    const command = transaction([[a, b, 50]], { id: "key:dry", isDryRun: true });
    for (let time = 0; time < 2; time += 1) {
      const outcome = await ledger.submit(command);
      expect(outcome).toMatchObject({ type: "accepted", replayed: false });
      const { transaction: tried, accounts } = moved(outcome);
      expect(tried).toMatchObject({ id: "", postings: [{ from: a, to: b, amount: 50 }], hold: null });
      expect(accounts).toMatchObject([
        { id: a, balance: 0, seq: 2 },
        { id: b, balance: 50, seq: 1 },
      ]);
    }
    expect(await ledger.account(a)).toEqual(before);
    expect(await ledger.entries(b, page())).toEqual([]);
    expect(await ledger.submit(transaction([[a, b, 51]], { id: "key:dry", isDryRun: true }))).toEqual(
      refused("limit-exceeded", { account: a, index: 0 }),
    );
    expect(await ledger.submit({ ...command, isDryRun: false })).toMatchObject({ replayed: false });
    expect(await ledger.account(b)).toMatchObject({ balance: 50, seq: 1 });
  });

  test("balances reach 2^53 - 1 and no further; then both sides stay as they were", async () => {
    const { ledger, account } = the();
    const [rich, poor] = [await account(0, MONEY_CENTS_MAX - 1), await account(MONEY_CENTS_MAX)];
    moved(await ledger.submit(transaction([[poor, rich, 1]])));
    expect(await ledger.submit(transaction([[poor, rich, 1]]))).toEqual(
      refused("balance-out-of-range", { account: rich, index: 0 }),
    );
    expect(await ledger.submit(transaction([["@world", rich, MONEY_CENTS_MAX]]))).toEqual(
      refused("balance-out-of-range", { account: rich, index: 0 }),
    );
    expect(await ledger.account(rich)).toMatchObject({ balance: MONEY_CENTS_MAX, seq: 2 });
    expect(await ledger.account(poor)).toMatchObject({ balance: -1, seq: 1 });
    moved(await ledger.submit(transaction([[rich, poor, MONEY_CENTS_MAX]])));
    moved(await ledger.submit(transaction([[poor, rich, MONEY_CENTS_MAX]])));
    moved(await ledger.submit(transaction([[poor, "@world", MONEY_CENTS_MAX - 1]])));
    expect(await ledger.account(poor)).toMatchObject({ balance: -MONEY_CENTS_MAX });
    expect(await ledger.submit(transaction([[poor, "@world", 1]]))).toEqual(
      refused("limit-exceeded", { account: poor, index: 0 }),
    );
  });

  test("a key sent again gives the same result, whatever happened since", async () => {
    const { ledger, account } = the();
    const [a, b] = [await account(0, 50), await account(0)];
    const command = transaction([[a, b, 20]], {
      id: "key:t",
      description: "first",
      metadata: { one: "1", two: "2" },
      conditions: [condition(a, "balance", 50, 50)],
    });
    const first = await ledger.submit(command);
    resultOf(await ledger.submit(transaction([[a, b, 5]])));
    const again = { ...command, metadata: { two: "2", one: "1" } };
    expect(await ledger.submit(again)).toEqual({ ...first, replayed: true });
    for (const other of [
      { ...command, postings: [{ from: a, to: b, amount: 21 }] },
      { ...command, description: null },
      { ...command, reference: "r" },
      { ...command, metadata: { one: "1" } },
      { ...command, conditions: [] },
    ])
      expect(await ledger.submit(other)).toEqual(refused("key-reused"));
    const tooMuch = transaction([[a, b, 26]], { id: "key:u" });
    const place = { account: a, index: 0 };
    expect(await ledger.submit(tooMuch)).toEqual(refused("limit-exceeded", place));
    resultOf(await ledger.submit(transaction([["@world", a, 100]])));
    expect(await ledger.submit(tooMuch)).toEqual(refused("limit-exceeded", place, true));
    expect(await ledger.account(b)).toMatchObject({ balance: 25, seq: 2 });
  });

  test("one key at once 100 times is applied once", async () => {
    const { ledger, account } = the();
    const [a, b] = [await account(0, 50), await account(0)];
    const command = transaction([[a, b, 1]], { id: "key:w" });
    const outcomes = await Promise.all(Array.from({ length: 100 }, () => ledger.submit(command)));
    expect(outcomes.filter(({ replayed }) => !replayed)).toHaveLength(1);
    expect(new Set(outcomes.map((outcome) => JSON.stringify(resultOf(outcome)))).size).toBe(1);
    expect(await ledger.account(b)).toMatchObject({ balance: 1, seq: 1 });
  });

  test("transfers at once among accounts without credit keep their sum, and none is below zero", async () => {
    const { ledger, account } = the();
    const ids: string[] = [];
    for (let index = 0; index < 10; index += 1) ids.push(await account(0, 100));
    const any = () => ids[Math.floor(Math.random() * ids.length)] ?? "";
    const outcomes = await Promise.all(
      Array.from({ length: 200 }, () => {
        const from = any();
        const to = ids.filter((id) => id !== from)[Math.floor(Math.random() * (ids.length - 1))] ?? "";
        return ledger.submit(transaction([[from, to, 1 + Math.floor(Math.random() * 150)]]));
      }),
    );
    expect(outcomes.some(({ type }) => type === "accepted")).toBe(true);
    expect(outcomes.some(({ type }) => type === "refused")).toBe(true);
    const balances = await Promise.all(
      ids.map(async (id) => (await ledger.account(id))?.balance ?? Number.NaN),
    );
    expect(balances.reduce((sum, balance) => sum + balance, 0)).toBe(1000);
    expect(Math.min(...balances)).toBeGreaterThanOrEqual(0);
  });
}
