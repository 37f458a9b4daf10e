import { expect, test } from "bun:test";
import { MONEY_CENTS_MAX } from "../../src/ledger/rules.ts";
import {
  accepted,
  capture,
  change,
  condition,
  held,
  hold,
  moved,
  page,
  refused,
  release,
  resultOf,
  transact,
  transaction,
} from "../support/ledger/commands.ts";
import type { Moves } from "../support/ledger/moves.ts";

export function holdsSection(the: () => Moves): void {
  test("a hold counts against what is available at once, and changes no balance", async () => {
    const { ledger, account } = the();
    const [a, b] = [await account(100, 50), await account(0)];
    const details = { description: "call 1", reference: "c-1", metadata: { model: "x" } };
    const outcome = await ledger.submit(hold(a, 120, { to: b, expiresInSeconds: 60, ...details }));
    const made = held(outcome);
    expect(made).toEqual({
      id: expect.stringMatching(/^[A-Za-z0-9._:{}-]{1,64}$/),
      state: "open",
      from: a,
      to: b,
      amount: 120,
      captured: 0,
      time: expect.any(Number),
      expiresAt: made.time + 60_000_000,
      transaction: null,
      ...details,
    });
    const {
      name: _name,
      metadata: _metadata,
      ...state
    } = (await ledger.account(a)) ?? { name: "", metadata: {} };
    expect(state).toMatchObject({ balance: 50, held: 120, seq: 1 });
    expect(outcome).toMatchObject({ result: { type: "hold", account: state } });
    expect(await ledger.hold(made.id)).toEqual(made);
    const exceeded = refused("limit-exceeded", { account: a });
    expect(await ledger.submit(hold(a, 31))).toEqual(exceeded);
    expect(await ledger.submit(transact(a, "debit", 31))).toEqual(exceeded);
    expect(await ledger.submit(transaction([[a, b, 31]]))).toEqual(
      refused("limit-exceeded", { account: a, index: 0 }),
    );
    const conditions = [condition(a, "available", 30, 30)];
    resultOf(await ledger.submit(transaction([[a, b, 30]], { conditions })));
    expect(await ledger.account(a)).toMatchObject({ balance: 20, held: 120, seq: 2 });
  });

  test("of 1,000 holds at once with room for 600, exactly 600 are made", async () => {
    const { ledger, account } = the();
    const a = await account(0, 600);
    const outcomes = await Promise.all(Array.from({ length: 1000 }, () => ledger.submit(hold(a, 1))));
    const made = outcomes.filter(({ type }) => type === "accepted").map((outcome) => held(outcome).id);
    expect(new Set(made).size).toBe(600);
    expect(made).toHaveLength(600);
    expect(await ledger.account(a)).toMatchObject({ balance: 600, held: 600, seq: 1 });
  });

  test("a capture moves all of it to where the hold says, with the hold's details", async () => {
    const { ledger, account } = the();
    const [a, b] = [await account(0, 50), await account(0)];
    const details = { description: "call 1", reference: "c-1", metadata: { model: "x" } };
    const made = held(await ledger.submit(hold(a, 20, { to: b, ...details })));
    const outcome = await ledger.submit(capture(made.id));
    const ended = held(outcome);
    expect(ended).toEqual({
      ...made,
      state: "captured",
      captured: 20,
      transaction: expect.any(String),
    });
    expect(accepted(outcome)).toMatchObject({ id: a, balance: 30, held: 0, seq: 2 });
    expect(await ledger.hold(made.id)).toEqual(ended);
    expect(await ledger.transaction(ended.transaction ?? "")).toEqual({
      transaction: {
        id: ended.transaction ?? "",
        postings: [{ from: a, to: b, amount: 20 }],
        reverses: null,
        hold: made.id,
        time: expect.any(Number),
        ...details,
      },
      reversedBy: null,
    });
    expect(await ledger.entries(b, page())).toMatchObject([
      {
        seq: 1,
        kind: "credit",
        value: 20,
        counterparty: a,
        transaction: ended.transaction,
        description: "call 1",
        reference: "c-1",
      },
    ]);
  });

  test("less, nothing, more, elsewhere: the rest is free again", async () => {
    const { ledger, account } = the();
    const [a, b] = [await account(10, 50), await account(0)];
    const of = async () => held(await ledger.submit(hold(a, 20))).id;
    const less = await ledger.submit(capture(await of(), { amount: 5 }));
    expect(held(less)).toMatchObject({ state: "captured", amount: 20, captured: 5 });
    expect(accepted(less)).toMatchObject({ balance: 45, held: 0 });
    const nothing = await ledger.submit(capture(await of(), { amount: 0 }));
    expect(held(nothing)).toMatchObject({ state: "captured", captured: 0, transaction: null });
    expect(accepted(nothing)).toMatchObject({ balance: 45, held: 0, seq: 2 });
    const more = await of();
    const other = await of();
    // 45 + 10 - 20, which the other one holds.
    expect(await ledger.submit(capture(more, { amount: 36 }))).toEqual(
      refused("limit-exceeded", { account: a, index: 0 }),
    );
    expect(await ledger.hold(more)).toMatchObject({ state: "open", captured: 0 });
    expect(await ledger.account(a)).toMatchObject({ balance: 45, held: 40, seq: 2 });
    const captured = await ledger.submit(capture(more, { amount: 35, to: b }));
    expect(held(captured)).toMatchObject({ captured: 35, to: "@world", amount: 20 });
    expect(accepted(captured)).toMatchObject({ balance: 10, held: 20 });
    expect(await ledger.account(b)).toMatchObject({ balance: 35 });
    expect(accepted(await ledger.submit(capture(other)))).toMatchObject({ balance: -10, held: 0 });
  });

  test("a capture in parts is one transaction", async () => {
    const { ledger, account } = the();
    const [a, b, c] = [await account(0, 50), await account(0), await account(0)];
    const { id } = held(await ledger.submit(hold(a, 40)));
    const parts = [
      { to: b, amount: 30 },
      { to: "@world", amount: 4 },
      { to: c, amount: 1 },
      { to: b, amount: 1 },
    ];
    const ended = held(await ledger.submit(capture(id, { parts })));
    expect(ended).toMatchObject({ captured: 36 });
    expect((await ledger.transaction(ended.transaction ?? ""))?.transaction.postings).toEqual(
      parts.map((part) => ({ from: a, ...part })),
    );
    expect(await ledger.account(a)).toMatchObject({ balance: 14, held: 0, seq: 5 });
    expect(await ledger.account(b)).toMatchObject({ balance: 31, seq: 2 });
    expect(await ledger.account(c)).toMatchObject({ balance: 1, seq: 1 });
  });

  test("a release frees all of it", async () => {
    const { ledger, account } = the();
    const a = await account(0, 50);
    const { id } = held(await ledger.submit(hold(a, 50)));
    const outcome = await ledger.submit(release(id));
    expect(held(outcome)).toMatchObject({ id, state: "released", captured: 0, transaction: null });
    expect(accepted(outcome)).toMatchObject({ balance: 50, held: 0, seq: 1 });
    expect(await ledger.hold(id)).toEqual(held(outcome));
    resultOf(await ledger.submit(transact(a, "debit", 50)));
  });

  test("amounts up to 2^53 - 1 are held and captured", async () => {
    const { ledger, account } = the();
    const [a, b] = [await account(0, MONEY_CENTS_MAX), await account(MONEY_CENTS_MAX, -1)];
    const { id } = held(await ledger.submit(hold(a, MONEY_CENTS_MAX, { to: b })));
    expect(await ledger.submit(hold(a, 1))).toEqual(refused("limit-exceeded", { account: a }));
    expect(accepted(await ledger.submit(capture(id)))).toMatchObject({ balance: 0, held: 0 });
    expect(await ledger.account(b)).toMatchObject({ balance: MONEY_CENTS_MAX - 1 });
    // More is available, but what is held is an amount, too.
    const { id: of } = held(await ledger.submit(hold(b, MONEY_CENTS_MAX - 1)));
    expect(await ledger.submit(hold(b, 2))).toEqual(refused("balance-out-of-range", { account: b }));
    const { id: last } = held(await ledger.submit(hold(b, 1)));
    expect(await ledger.account(b)).toMatchObject({ held: MONEY_CENTS_MAX });
    resultOf(await ledger.submit(release(of)));
    expect(accepted(await ledger.submit(release(last)))).toMatchObject({ held: 0 });
  });

  test("the contest's route serves an account with holds, also under a key", async () => {
    const { ledger, account } = the();
    const a = await account(0, 50);
    const { id } = held(await ledger.submit(hold(a, 20)));
    const command = transact(a, "debit", 10, "key:debit");
    const first = await ledger.submit(command);
    expect(first).toMatchObject({
      type: "accepted",
      result: { type: "entry", account: { id: a, creditLimit: 0, balance: 40, seq: 2 } },
    });
    resultOf(await ledger.submit(release(id)));
    expect(await ledger.submit(command)).toEqual({ ...first, replayed: true });
    expect(await ledger.submit({ ...command, value: 11 })).toEqual(refused("key-reused"));
    expect((await ledger.statement(a))?.entries[0]).toMatchObject({ seq: 2, value: 10, description: "test" });
    const [entry] = (await ledger.entries(a, page({ count: 1 }))) ?? [];
    expect((await ledger.transaction(entry?.transaction ?? ""))?.transaction).toMatchObject({
      postings: [{ from: a, to: "@world", amount: 10 }],
      description: "test",
    });
    expect(moved(await ledger.submit(transaction([[a, "@world", 40]]))).accounts).toMatchObject([
      { balance: 0 },
    ]);
  });

  test("a frozen account makes no hold; its open ones are captured, also for more, or released", async () => {
    const { ledger, account } = the();
    const a = await account(0, 50);
    const one = held(await ledger.submit(hold(a, 10)));
    const two = held(await ledger.submit(hold(a, 10)));
    resultOf(await ledger.submit(change(a, { state: "frozen" })));
    expect(await ledger.submit(hold(a, 1))).toEqual(refused("account-frozen", { account: a }));
    expect(accepted(await ledger.submit(capture(one.id, { amount: 15 })))).toMatchObject({
      balance: 35,
      state: "frozen",
    });
    expect(accepted(await ledger.submit(release(two.id)))).toMatchObject({ held: 0, state: "frozen" });
  });
}
