import { expect, test } from "bun:test";
import type { Outcome } from "../../src/ledger/ledger.ts";
import {
  capture,
  change,
  held,
  hold,
  moved,
  open,
  page,
  refused,
  release,
  reversal,
  transact,
  transaction,
} from "../support/ledger/commands.ts";
import { type Moves, NOBODY } from "../support/ledger/moves.ts";

/** Commands of which all are done or none. */
export function groupsSection(the: () => Moves): void {
  /** The refusal of a command, as that of a group. */
  function refusedGroup(index: number, outcome: Outcome) {
    if (outcome.type !== "refused") throw new Error("it was accepted");
    const { type, replayed, ...reason } = outcome;
    return { type, index, refused: reason, replayed };
  }

  test("all are done, one after the other", async () => {
    const { ledger, account } = the();
    const a = await account(0, 100);
    const { id } = held(await ledger.submit(hold(a, 10)));
    const group = [
      open(0, { account: NOBODY }),
      transaction([[a, NOBODY, 60]]),
      transaction([[NOBODY, a, 50]]),
      capture(id, { to: NOBODY }),
      hold(NOBODY, 20),
      transact(a, "debit", 80),
      change(a, { name: "empty" }),
    ];
    const answer = await ledger.submitAll(group);
    if (answer.type !== "done") throw new Error(`refused: ${JSON.stringify(answer)}`);
    expect(answer.outcomes).toHaveLength(group.length);
    for (const outcome of answer.outcomes)
      expect(outcome).toMatchObject({ type: "accepted", replayed: false });
    expect(answer.outcomes[1]).toMatchObject({
      result: { accounts: [{ balance: 40 }, { id: NOBODY, balance: 60, seq: 1 }] },
    });
    expect(await ledger.account(a)).toMatchObject({ balance: 0, held: 0, name: "empty", seq: 5 });
    expect(await ledger.account(NOBODY)).toMatchObject({ balance: 20, held: 20, seq: 3 });
  });

  test("one refusal takes all of it back, and is the answer", async () => {
    const { ledger, account } = the();
    const [a, b] = [await account(0, 100), await account(0)];
    const { id } = held(await ledger.submit(hold(a, 10)));
    const first = moved(await ledger.submit(transaction([[a, b, 5]]))).transaction;
    const before = [await ledger.account(a), await ledger.account(b), await ledger.hold(id)];
    const answer = await ledger.submitAll([
      open(0, { account: NOBODY, id: "key:g1" }),
      capture(id, { id: "key:g2" }),
      reversal(first.id, { id: "key:g3" }),
      hold(a, 5, { id: "key:g4" }),
      change(a, { name: "x", metadata: { y: "z" }, id: "key:g5" }),
      transact(b, "credit", 3, "key:g6"),
      transaction([[b, a, 4]], { id: "key:g7" }),
      transaction([[a, b, 1]], { id: "key:g8" }),
    ]);
    expect(answer).toEqual(refusedGroup(6, refused("limit-exceeded", { account: b, index: 0 })));
    expect([await ledger.account(a), await ledger.account(b), await ledger.hold(id)]).toEqual(before);
    expect(await ledger.account(NOBODY)).toBeNull();
    expect(await ledger.transaction(first.id)).toMatchObject({ reversedBy: null });
    expect(await ledger.entries(b, page())).toHaveLength(1);
    // Of its keys only that of the refusal is known.
    expect(await ledger.submit(transact(b, "credit", 4, "key:g6"))).toMatchObject({ replayed: false });
    expect(await ledger.submit(release(id, "key:g2"))).toMatchObject({ type: "accepted", replayed: false });
    expect(await ledger.submit(transaction([[a, b, 1]], { id: "key:g8" }))).toMatchObject({
      replayed: false,
    });
    expect(await ledger.submit(transaction([[b, a, 4]], { id: "key:g7" }))).toEqual(
      refused("limit-exceeded", { account: b, index: 0 }, true),
    );
    moved(await ledger.submit(reversal(first.id)));
  });

  test("the same group again is replayed as a whole", async () => {
    const { ledger, account } = the();
    const [a, b] = [await account(0, 100), await account(0)];
    const group = [
      transaction([[a, b, 60]], { id: "bat:k.0" }),
      hold(b, 20, { id: "bat:k.1" }),
      transact(b, "debit", 40, "bat:k.2"),
    ];
    const first = await ledger.submitAll(group);
    if (first.type !== "done") throw new Error("refused");
    const again = await ledger.submitAll(group);
    expect(again).toEqual({
      type: "done",
      outcomes: first.outcomes.map((outcome) => ({ ...outcome, replayed: true })),
    });
    expect(await ledger.account(b)).toMatchObject({ balance: 20, held: 20, seq: 2 });
  });

  test("what was decided before counts as done; what was refused before refuses the group", async () => {
    const { ledger, account } = the();
    const [a, b] = [await account(0, 100), await account(0)];
    const known = transaction([[a, b, 60]], { id: "key:known" });
    const outcome = await ledger.submit(known);
    const answer = await ledger.submitAll([known, transaction([[b, a, 10]])]);
    expect(answer).toMatchObject({
      type: "done",
      outcomes: [
        { ...outcome, replayed: true },
        { type: "accepted", replayed: false },
      ],
    });
    const poor = transaction([[a, b, 51]], { id: "key:poor" });
    const refusal = await ledger.submit(poor);
    await ledger.submit(transact(a, "credit", 100));
    expect(await ledger.submitAll([transaction([[a, b, 1]]), poor])).toEqual(
      refusedGroup(1, { ...refusal, replayed: true }),
    );
    expect(await ledger.submitAll([transaction([[a, b, 1]]), { ...known, description: "x" }])).toEqual(
      refusedGroup(1, refused("key-reused")),
    );
    expect(await ledger.account(b)).toMatchObject({ balance: 50, seq: 2 });
  });

  test("a key that is twice in a group is done once", async () => {
    const { ledger, account } = the();
    const [a, b] = [await account(0, 100), await account(0)];
    const command = transaction([[a, b, 60]], { id: "key:twice" });
    const answer = await ledger.submitAll([command, command]);
    expect(answer).toMatchObject({ type: "done", outcomes: [{ replayed: false }, { replayed: true }] });
    expect(await ledger.submitAll([command, { ...command, reference: "r" }])).toMatchObject({
      type: "refused",
      index: 1,
      refused: { refusal: "key-reused" },
    });
    expect(await ledger.account(b)).toMatchObject({ balance: 60, seq: 1 });
  });

  test("groups at once do not see each other's halves", async () => {
    const { ledger, account } = the();
    const [a, b] = [await account(0, 100), await account(0)];
    // Every second one is refused for its second half.
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, index) =>
        ledger.submitAll([
          transaction([[a, b, 1]]),
          index % 2 === 0 ? transaction([["@world", a, 1]]) : transaction([[NOBODY, a, 1]]),
        ]),
      ),
    );
    expect(answers.filter(({ type }) => type === "done")).toHaveLength(50);
    for (const answer of answers)
      if (answer.type === "refused")
        expect(answer).toEqual(refusedGroup(1, refused("account-unknown", { account: NOBODY, index: 0 })));
    expect(await ledger.account(a)).toMatchObject({ balance: 100 });
    expect(await ledger.account(b)).toMatchObject({ balance: 50, seq: 50 });
  });

  test("none of none is done", async () => {
    expect(await the().ledger.submitAll([])).toEqual({ type: "done", outcomes: [] });
  });
}
