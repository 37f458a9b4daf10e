import { expect, test } from "bun:test";
import { MONEY_CENTS_MAX } from "../../src/ledger/rules.ts";
import {
  accepted,
  capture,
  change,
  condition,
  held,
  hold,
  type Move,
  open,
  page,
  refused,
  resultOf,
  transact,
  transaction,
} from "../support/ledger/commands.ts";
import { type Moves, NOBODY } from "../support/ledger/moves.ts";

/** The order of precedence: each case is also refused for what comes later. */
export function refusalsSection(the: () => Moves): void {
  async function cast() {
    const { ledger, account } = the();
    const closed = await account(0);
    accepted(await ledger.submit(change(closed, { state: "closed" })));
    const frozen = await account(0, 50);
    accepted(await ledger.submit(change(frozen, { state: "frozen" })));
    return {
      poor: await account(0),
      rich: await account(0, MONEY_CENTS_MAX),
      closed,
      frozen,
      points: await account(0, 0, { unit: "POINTS" }),
    };
  }

  test("of a posting: unknown, closed, frozen, unit; with the account that it is", async () => {
    const { ledger } = the();
    const { poor, closed, frozen, points } = await cast();
    const failing = [condition(poor, "balance", 1)];
    const cases: [Move, Parameters<typeof refused>][] = [
      [
        [closed, NOBODY, 99],
        ["account-unknown", { account: NOBODY }],
      ],
      [
        [NOBODY, closed, 99],
        ["account-unknown", { account: NOBODY }],
      ],
      [
        [frozen, closed, 99],
        ["account-closed", { account: closed }],
      ],
      [
        [closed, points, 99],
        ["account-closed", { account: closed }],
      ],
      [
        [frozen, points, 99],
        ["account-frozen", { account: frozen }],
      ],
      [
        [poor, points, 99],
        ["unit-mismatch", { account: points }],
      ],
      [
        [closed, "@world", 99],
        ["account-closed", { account: closed }],
      ],
      [
        ["@world", closed, 99],
        ["account-closed", { account: closed }],
      ],
      [
        [frozen, "@world", 99],
        ["account-frozen", { account: frozen }],
      ],
    ];
    for (const [move, [refusal, place]] of cases) {
      // Before it a posting that only its limit refuses, behind it one that names nobody.
      const postings: Move[] = [[poor, "@world", 1], move, [NOBODY, "@world", 1]];
      expect(await ledger.submit(transaction(postings, { conditions: failing }))).toEqual(
        refused(refusal, { ...place, index: 1 }),
      );
    }
  });

  test("then conditions, then posting by posting: limit, range", async () => {
    const { ledger } = the();
    const { poor, rich } = await cast();
    const postings: Move[] = [
      [poor, "@world", 1],
      ["@world", rich, 1],
    ];
    const failing = [condition(rich, "balance", 0), condition(poor, "balance", 1)];
    expect(await ledger.submit(transaction(postings, { conditions: failing }))).toEqual(
      refused("condition-failed", { account: poor, index: 1 }),
    );
    expect(await ledger.submit(transaction(postings))).toEqual(
      refused("limit-exceeded", { account: poor, index: 0 }),
    );
    expect(await ledger.submit(transaction(postings.toReversed()))).toEqual(
      refused("balance-out-of-range", { account: rich, index: 0 }),
    );
    expect(await ledger.submit(transaction([[poor, rich, 1]]))).toEqual(
      refused("limit-exceeded", { account: poor, index: 0 }),
    );
    expect(await ledger.account(rich)).toMatchObject({ balance: MONEY_CENTS_MAX, seq: 1 });
  });

  test("of a hold: unknown, closed, frozen, unit, limit; without a place", async () => {
    const { ledger } = the();
    const { poor, closed, frozen, points } = await cast();
    const cases: [string, string, Parameters<typeof refused>][] = [
      [NOBODY, closed, ["account-unknown", { account: NOBODY }]],
      [closed, NOBODY, ["account-unknown", { account: NOBODY }]],
      [closed, points, ["account-closed", { account: closed }]],
      [frozen, closed, ["account-closed", { account: closed }]],
      [frozen, points, ["account-frozen", { account: frozen }]],
      [poor, points, ["unit-mismatch", { account: points }]],
      [poor, "@world", ["limit-exceeded", { account: poor }]],
    ];
    for (const [from, to, [refusal, place]] of cases)
      expect(await ledger.submit(hold(from, 99, { to }))).toEqual(refused(refusal, place));
    expect(await ledger.account(poor)).toMatchObject({ held: 0 });
  });

  test("of a capture: its postings, like those of a transaction, but a frozen account pays", async () => {
    const { ledger, account } = the();
    const { rich, closed, points } = await cast();
    const payer = await account(0, 50);
    const { id } = held(await ledger.submit(hold(payer, 50)));
    accepted(await ledger.submit(change(payer, { state: "frozen" })));
    const parts = [
      { to: rich, amount: 1 },
      { to: closed, amount: 1 },
    ];
    expect(await ledger.submit(capture(id, { parts }))).toEqual(
      refused("account-closed", { account: closed, index: 1 }),
    );
    for (const [to, ...refusal] of [
      [NOBODY, "account-unknown"],
      [closed, "account-closed"],
      [points, "unit-mismatch"],
      [rich, "balance-out-of-range"],
    ] as const)
      expect(await ledger.submit(capture(id, { to }))).toEqual(
        refused(refusal[0], { account: to, index: 0 }),
      );
    expect(await ledger.submit(capture(id, { amount: 51 }))).toEqual(
      refused("limit-exceeded", { account: payer, index: 0 }),
    );
    expect(await ledger.hold(id)).toMatchObject({ state: "open" });
    expect(await ledger.account(payer)).toMatchObject({ balance: 50, held: 50, seq: 1 });
    expect(accepted(await ledger.submit(capture(id)))).toMatchObject({ balance: 0, held: 0 });
  });

  test("on the contest's route: a frozen account takes, a closed one does neither", async () => {
    const { ledger } = the();
    const { closed, frozen } = await cast();
    expect(await ledger.submit(transact(frozen, "debit", 1))).toEqual(
      refused("account-frozen", { account: frozen }),
    );
    expect(accepted(await ledger.submit(transact(frozen, "credit", 1)))).toMatchObject({ balance: 51 });
    for (const kind of ["credit", "debit"] as const)
      expect(await ledger.submit(transact(closed, kind, 1))).toEqual(
        refused("account-closed", { account: closed }),
      );
    const entries = await ledger.entries(frozen, page({ count: 1 }));
    expect(entries).toMatchObject([
      { kind: "credit", value: 1, counterparty: "@world", description: "test" },
    ]);
  });

  test("a refused command changes nothing, with a key or without", async () => {
    const { ledger } = the();
    const { poor, rich } = await cast();
    const before = await Promise.all([poor, rich].map((id) => ledger.account(id)));
    const commands = [
      transaction([[poor, rich, 1]], { id: "key:1" }),
      transaction([[poor, rich, 1]]),
      hold(poor, 1, { id: "key:2" }),
      hold(poor, 1),
      open(5, { account: poor, id: "key:3" }),
      change(poor, { state: "closed", creditLimit: 5, name: "x", id: "key:4" }),
    ];
    for (const command of commands.slice(0, -1))
      expect(await ledger.submit(command)).toMatchObject({ type: "refused" });
    expect(await Promise.all([poor, rich].map((id) => ledger.account(id)))).toEqual(before);
    // It is empty: nothing is against it.
    resultOf(await ledger.submit(commands[commands.length - 1] ?? open(0)));
    expect(await ledger.account(poor)).toMatchObject({ state: "closed", creditLimit: 5, name: "x" });
  });
}
