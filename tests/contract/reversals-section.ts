import { expect, test } from "bun:test";
import {
  capture,
  held,
  hold,
  moved,
  page,
  refused,
  resultOf,
  reversal,
  transact,
  transaction,
} from "../support/ledger/commands.ts";
import type { Moves } from "../support/ledger/moves.ts";

export function reversalsSection(the: () => Moves): void {
  test("a reversal moves the opposite in the opposite order, once", async () => {
    const { ledger, account } = the();
    const [a, b] = [await account(0), await account(0)];
    const first = moved(
      await ledger.submit(
        transaction([
          ["@world", a, 100],
          [a, b, 70],
        ]),
      ),
    ).transaction;
    const outcome = await ledger.submit(reversal(first.id, { description: "sorry", reference: "r" }));
    const back = moved(outcome).transaction;
    expect(back).toMatchObject({
      postings: [
        { from: b, to: a, amount: 70 },
        { from: a, to: "@world", amount: 100 },
      ],
      reverses: first.id,
      hold: null,
      description: "sorry",
      reference: "r",
      metadata: {},
    });
    expect(moved(outcome).accounts).toMatchObject([
      { id: b, balance: 0 },
      { id: a, balance: 0 },
    ]);
    expect(await ledger.transaction(first.id)).toEqual({ transaction: first, reversedBy: back.id });
    expect(await ledger.transaction(back.id)).toEqual({ transaction: back, reversedBy: null });
    const again = refused("already-reversed", { other: back.id });
    expect(await ledger.submit(reversal(first.id))).toEqual(again);
    expect(await ledger.submit(reversal(first.id, { id: "key:r" }))).toEqual(again);
    expect(await ledger.submit(reversal(back.id))).toEqual(refused("not-reversible"));
    expect(await ledger.account(a)).toMatchObject({ balance: 0, seq: 4 });
  });

  test("what is not there cannot be reversed, nor what is no transaction", async () => {
    const { ledger, account } = the();
    const id = await account(0, 50);
    const { id: of } = held(await ledger.submit(hold(id, 1)));
    const { transaction: of2 } = (await ledger.entries(id, page()))?.[0] ?? { transaction: "" };
    const [place = "", micros = "0"] = of2.split(/-(?=\d+$)/);
    const otherTime = `${place}-${(Number(micros) + 1) % 1_000_000}`;
    for (const unknown of [of, otherTime, "t0-999999-0-0", "nonsense", "", "t0-1-0", id]) {
      expect(await ledger.submit(reversal(unknown))).toEqual(refused("transaction-unknown"));
      expect(await ledger.transaction(unknown)).toBeNull();
    }
  });

  test("a reversal keeps to the limits; refused, it can be asked for again", async () => {
    const { ledger, account } = the();
    const [a, b] = [await account(0, 50), await account(0)];
    const { id } = moved(await ledger.submit(transaction([[a, b, 50]]))).transaction;
    const spent = moved(await ledger.submit(transaction([[b, "@world", 10]]))).transaction;
    expect(await ledger.submit(reversal(id))).toEqual(refused("limit-exceeded", { account: b, index: 0 }));
    expect(await ledger.transaction(id)).toMatchObject({ reversedBy: null });
    moved(await ledger.submit(reversal(spent.id)));
    moved(await ledger.submit(reversal(id)));
    expect(await ledger.account(a)).toMatchObject({ balance: 50 });
  });

  test("a reversal sent again under its key is that reversal", async () => {
    const { ledger, account } = the();
    const a = await account(0);
    const { id } = moved(await ledger.submit(transaction([["@world", a, 50]]))).transaction;
    const command = reversal(id, { id: "key:back" });
    const first = await ledger.submit(command);
    expect(await ledger.submit(command)).toEqual({ ...first, replayed: true });
    expect(await ledger.submit({ ...command, description: "x" })).toEqual(refused("key-reused"));
    expect(await ledger.account(a)).toMatchObject({ balance: 0, seq: 2 });
  });

  test("of 50 reversals at once one is done, and all others name it", async () => {
    const { ledger, account } = the();
    const a = await account(0);
    const { id } = moved(await ledger.submit(transaction([["@world", a, 50]]))).transaction;
    const outcomes = await Promise.all(Array.from({ length: 50 }, () => ledger.submit(reversal(id))));
    const done = outcomes.filter(({ type }) => type === "accepted").map((outcome) => moved(outcome));
    expect(done).toHaveLength(1);
    const other = done[0]?.transaction.id ?? "";
    for (const outcome of outcomes)
      if (outcome.type === "refused") expect(outcome).toEqual(refused("already-reversed", { other }));
    expect(await ledger.account(a)).toMatchObject({ balance: 0, seq: 2 });
  });

  test("captures and transactions of the contest's route are reversed, too", async () => {
    const { ledger, account } = the();
    const a = await account(0);
    resultOf(await ledger.submit(transact(a, "credit", 50)));
    const { transaction: credit = "" } = (await ledger.entries(a, page()))?.[0] ?? {};
    expect((await ledger.transaction(credit))?.transaction).toMatchObject({
      id: credit,
      postings: [{ from: "@world", to: a, amount: 50 }],
      description: "test",
      reverses: null,
    });
    const { id: of } = held(await ledger.submit(hold(a, 20)));
    const { transaction: captured } = held(await ledger.submit(capture(of, { amount: 15 })));
    if (captured === null) throw new Error("it moved nothing");
    expect(moved(await ledger.submit(reversal(captured))).transaction).toMatchObject({
      postings: [{ from: "@world", to: a, amount: 15 }],
      hold: null,
      reverses: captured,
    });
    expect(moved(await ledger.submit(reversal(credit))).accounts).toMatchObject([{ id: a, balance: 0 }]);
    expect(await ledger.hold(of)).toMatchObject({ state: "captured", captured: 15 });
  });
}
