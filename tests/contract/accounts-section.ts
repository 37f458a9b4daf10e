import { expect, test } from "bun:test";
import { MONEY_CENTS_MAX } from "../../src/ledger/rules.ts";
import {
  accepted,
  change,
  held,
  hold,
  open,
  refused,
  release,
  requestId,
  resultOf,
  transact,
  transaction,
} from "./support/commands.ts";
import { type Moves, NOBODY } from "./support/moves.ts";

export function accountsSection(the: () => Moves): void {
  const opening = { unit: "CREDITS/6", name: "Zé 😀", metadata: { tier: "gold", ["__proto__"]: "x" } };

  test("an account is opened under the client's id, and then known by it", async () => {
    const { ledger } = the();
    const command = open(7, { account: NOBODY, ...opening });
    const outcome = await ledger.submit(command);
    const account = await ledger.account(NOBODY);
    expect(account).toEqual({
      id: NOBODY,
      state: "open",
      creditLimit: 7,
      balance: 0,
      held: 0,
      seq: 0,
      time: expect.any(Number),
      openedAt: account?.time ?? Number.NaN,
      ...opening,
    });
    if (account === null) throw new Error("it is not there");
    expect(outcome).toEqual({
      type: "accepted",
      result: { type: "account", account, opened: true },
      replayed: false,
    });
  });

  test("the same opening again gives the account as it stands; another one is refused", async () => {
    const { ledger } = the();
    const command = open(7, { account: NOBODY, ...opening });
    await ledger.submit(command);
    resultOf(await ledger.submit(change(NOBODY, { name: "new", metadata: { tier: null }, creditLimit: 3 })));
    resultOf(await ledger.submit(transact(NOBODY, "credit", 5)));
    const account = await ledger.account(NOBODY);
    if (account === null) throw new Error("it is not there");
    expect(account).toMatchObject({ name: "new", creditLimit: 3, balance: 5 });
    for (const id of ["key:o", "req:o", "key:o"] as const)
      expect(await ledger.submit({ ...command, id })).toEqual({
        type: "accepted",
        result: { type: "account", account, opened: false },
        replayed: false,
      });
    for (const other of [
      { creditLimit: 3 },
      { unit: "CREDITS" },
      { name: "new" },
      { name: null },
      { metadata: { tier: "gold" } },
    ])
      expect(await ledger.submit({ ...command, id: requestId(), ...other })).toEqual(
        refused("account-exists", { account: NOBODY }),
      );
    expect(await ledger.account(NOBODY)).toEqual(account);
  });

  test("one id opened at once 50 times is opened once", async () => {
    const { ledger } = the();
    const outcomes = await Promise.all(
      Array.from({ length: 50 }, () => ledger.submit(open(7, { account: NOBODY }))),
    );
    const opened = outcomes.map(resultOf).map((result) => result.type === "account" && result.opened);
    expect(opened.filter(Boolean)).toHaveLength(1);
  });

  test("changes: what is left out stays, null takes away, members of metadata one by one", async () => {
    const { ledger, account } = the();
    const id = await account(7, 0, { name: "one", metadata: { a: "1", b: "2" } });
    const changed = async (changes: Parameters<typeof change>[1]) => {
      const result = resultOf(await ledger.submit(change(id, changes)));
      if (result.type !== "account") throw new Error("it was no change of an account");
      expect(result.account).toEqual((await ledger.account(id)) ?? result.account);
      return result.account;
    };
    expect(await changed({ creditLimit: 9 })).toMatchObject({ creditLimit: 9, name: "one" });
    expect((await changed({ metadata: { b: null, c: "3" } })).metadata).toEqual({ a: "1", c: "3" });
    expect((await changed({ metadata: {} })).metadata).toEqual({ a: "1", c: "3" });
    expect(await changed({ name: "two" })).toMatchObject({ name: "two", creditLimit: 9 });
    expect(await changed({ name: null, metadata: { a: null, c: null } })).toMatchObject({
      name: null,
      metadata: {},
    });
    expect(await changed({ state: "frozen" })).toMatchObject({ state: "frozen", creditLimit: 9 });
    expect(await changed({ state: "open" })).toMatchObject({ state: "open" });
    expect(await ledger.submit(change(NOBODY, { name: "x" }))).toEqual(
      refused("account-unknown", { account: NOBODY }),
    );
  });

  test("a limit goes no lower than what is used, holds included", async () => {
    const { ledger, account } = the();
    const id = await account(100, -30);
    const { id: of } = held(await ledger.submit(hold(id, 20)));
    const tooLow = refused("limit-too-low", { account: id });
    expect(await ledger.submit(change(id, { creditLimit: 49 }))).toEqual(tooLow);
    expect(accepted(await ledger.submit(change(id, { creditLimit: 50 })))).toMatchObject({
      creditLimit: 50,
      balance: -30,
      held: 20,
    });
    expect(await ledger.submit(transact(id, "debit", 1))).toEqual(refused("limit-exceeded", { account: id }));
    resultOf(await ledger.submit(release(of)));
    resultOf(await ledger.submit(change(id, { creditLimit: 30 })));
    resultOf(await ledger.submit(change(id, { creditLimit: MONEY_CENTS_MAX })));
  });

  test("only an empty account is closed, and then for good", async () => {
    const { ledger, account } = the();
    const [id, other] = [await account(10, 5), await account(0, 5)];
    const notEmpty = refused("account-not-empty", { account: id });
    expect(await ledger.submit(change(id, { state: "closed" }))).toEqual(notEmpty);
    resultOf(await ledger.submit(transaction([[id, other, 5]])));
    const { id: of } = held(await ledger.submit(hold(id, 1)));
    expect(await ledger.submit(change(id, { state: "closed" }))).toEqual(notEmpty);
    resultOf(await ledger.submit(release(of)));
    expect(accepted(await ledger.submit(change(id, { state: "closed" })))).toMatchObject({ state: "closed" });
    const closed = refused("account-closed", { account: id });
    for (const changes of [
      { state: "open" },
      { state: "closed" },
      { name: "x" },
      { creditLimit: 0 },
    ] as const)
      expect(await ledger.submit(change(id, changes))).toEqual(closed);
    expect(await ledger.submit(hold(id, 1))).toEqual(closed);
    expect(await ledger.account(id)).toMatchObject({
      state: "closed",
      balance: 0,
      name: null,
      creditLimit: 10,
    });
  });

  test("keys hold for openings and changes", async () => {
    const { ledger } = the();
    const command = open(7, { account: NOBODY, id: "key:open", ...opening });
    const opened = await ledger.submit(command);
    const changing = change(NOBODY, { id: "key:change", name: "two", metadata: { tier: "silver" } });
    const changed = await ledger.submit(changing);
    resultOf(await ledger.submit(change(NOBODY, { name: "three", state: "frozen" })));
    expect(await ledger.submit(command)).toEqual({ ...opened, replayed: true });
    expect(await ledger.submit(changing)).toEqual({ ...changed, replayed: true });
    for (const other of [{ name: "four" }, { creditLimit: 1 }, { metadata: { tier: null } }])
      expect(await ledger.submit({ ...changing, ...other })).toEqual(refused("key-reused"));
    expect(await ledger.account(NOBODY)).toMatchObject({ name: "three", state: "frozen" });
  });
}
