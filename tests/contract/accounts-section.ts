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
} from "../support/ledger/commands.ts";
import { type Moves, NOBODY } from "../support/ledger/moves.ts";

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
    for (const id of ["key:o", requestId(), "key:p"] as const)
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

  test("an opening of what is there already is remembered under its key, as it was answered", async () => {
    const { ledger } = the();
    const command = open(7, { account: NOBODY, ...opening });
    await ledger.submit(command);
    resultOf(await ledger.submit(change(NOBODY, { state: "frozen", name: "one" })));
    const again = { ...command, id: "key:again" } as const;
    const answer = await ledger.submit(again);
    expect(answer).toMatchObject({
      replayed: false,
      result: { opened: false, account: { state: "frozen", name: "one" } },
    });
    resultOf(await ledger.submit(change(NOBODY, { state: "closed", name: "two" })));
    expect(await ledger.submit(again)).toEqual({ ...answer, replayed: true });
    expect(await ledger.submit({ ...again, creditLimit: 8 })).toEqual(refused("key-reused"));
    expect(await ledger.submit({ ...command, id: "key:closed" })).toMatchObject({
      result: { opened: false, account: { state: "closed", name: "two" } },
    });
    expect(await ledger.account(NOBODY)).toMatchObject({ state: "closed", name: "two", seq: 0 });
    // The same within a group.
    const group = [{ ...command, id: "bat:0.k" } as const, open(0, { account: `${NOBODY}2` })];
    const first = await ledger.submitAll(group);
    if (first.type !== "done") throw new Error("refused");
    expect(await ledger.submitAll(group)).toMatchObject({
      outcomes: [{ ...first.outcomes[0], replayed: true }, {}],
    });
  });

  test("the accounts of the start are opened again like any other", async () => {
    const { ledger } = the();
    const account = await ledger.account("1");
    if (account === null) throw new Error("it is not there");
    for (const id of ["key:start", requestId()] as const)
      expect(await ledger.submit(open(account.creditLimit, { account: "1", id }))).toEqual({
        type: "accepted",
        result: { type: "account", account, opened: false },
        replayed: false,
      });
    for (const other of [{ creditLimit: 1 }, { name: "x" }, { unit: "USD/2" }])
      expect(await ledger.submit(open(account.creditLimit, { account: "1", ...other }))).toEqual(
        refused("account-exists", { account: "1" }),
      );
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

  const full = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`m${index}`, "x"]));

  test("what metadata becomes, merged with what there is, has its bounds", async () => {
    const { ledger, account } = the();
    const id = await account(7, 0, { metadata: full });
    const tooLarge = refused("metadata-too-large", { account: id });
    const more = { metadata: { more: "x" }, creditLimit: 8, name: "n", state: "frozen" } as const;
    expect(await ledger.submit(change(id, more))).toEqual(tooLarge);
    expect(await ledger.submit(change(id, { metadata: { m0: "é".repeat(491) } }))).toEqual(tooLarge);
    expect(await ledger.account(id)).toMatchObject({
      creditLimit: 7,
      name: null,
      state: "open",
      metadata: full,
    });
    resultOf(await ledger.submit(change(id, { metadata: { more: "x", m0: null } })));
    resultOf(await ledger.submit(change(id, { metadata: { m0: "x", more: null } })));
    resultOf(await ledger.submit(change(id, { metadata: { m0: "é".repeat(475) } })));
    resultOf(await ledger.submit(change(id, { state: "closed" })));
    expect(await ledger.submit(change(id, more))).toEqual(refused("account-closed", { account: id }));
  });

  test("a change that is sent again is looked for by what was asked, whatever the details have become", async () => {
    const { ledger, account } = the();
    const id = await account(7, 0, { name: "one", metadata: { a: "1" } });
    const first = change(id, { id: "key:1", metadata: { b: "2" } });
    const second = change(id, { id: "key:2", name: "two", metadata: { a: null } });
    const outcomes = [await ledger.submit(first), await ledger.submit(second)];
    resultOf(await ledger.submit(change(id, { name: "three", metadata: { b: null, ...full } })));
    // Decided now, both of them would be too large.
    const tooLarge = change(id, { id: "key:3", metadata: { c: "3" } });
    const refusal = await ledger.submit(tooLarge);
    expect(refusal).toEqual(refused("metadata-too-large", { account: id }));
    resultOf(await ledger.submit(change(id, { metadata: { m0: null, m1: null } })));
    for (const [command, outcome] of [
      [first, outcomes[0]],
      [second, outcomes[1]],
      [tooLarge, refusal],
    ] as const) {
      if (outcome === undefined) throw new Error("it has no outcome");
      expect(await ledger.submit(command)).toEqual({ ...outcome, replayed: true });
    }
    expect(await ledger.submit({ ...first, metadata: { b: "3" } })).toEqual(refused("key-reused"));
    const answer = await ledger.submitAll([first, tooLarge]);
    expect(answer).toMatchObject({ type: "refused", index: 1, replayed: true });
    expect(Object.keys((await ledger.account(id))?.metadata ?? {})).toHaveLength(18);
  });

  test("many changes of one account's details at once are all made", async () => {
    const { ledger, account } = the();
    const id = await account(0);
    const outcomes = await Promise.all(
      Array.from({ length: 64 }, (_, index) =>
        ledger.submit(change(id, { metadata: { [`m${index % 20}`]: String(index) } })),
      ),
    );
    for (const outcome of outcomes) resultOf(outcome);
    const { metadata } = (await ledger.account(id)) ?? { metadata: {} };
    expect(Object.keys(metadata).toSorted()).toEqual(
      Array.from({ length: 20 }, (_, index) => `m${index}`).toSorted(),
    );
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
