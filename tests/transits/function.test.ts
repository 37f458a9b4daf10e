import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Told } from "../../src/decide/transits/transit-arguments.ts";
import { netChanges } from "../../src/keep/net-changes.ts";
import type { Posting } from "../../src/ledger/transaction.ts";
import { capture, change, condition, hold, release, transact } from "../support/ledger/commands.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { describeWithRedis } from "../support/redis-under-test.ts";
import { transactionFrom } from "../support/transits/shard-calls.ts";
import { ATTEMPT, aToB, HOME, OTHER, toldOfB, twoShards } from "./support/two-shards.ts";

/** What the function in Redis answers to transactions across shards, case by case. */

failOnLeaks();
setDefaultTimeout(60_000);

const NOTHING_SAID = { refused: null, unmet: null };

describeWithRedis("transactions across shards, in Redis", () => {
  const the = twoShards();
  const { prepare, ask, finish, read, keys } = the;

  describe("a transfer from beginning to end", () => {
    test("bears home's id, and leaves nothing open", async () => {
      expect(await prepare(aToB, ["b"])).toMatchObject({
        type: "prepared",
        event: {
          accounts: [{ id: "b", balance: 0, held: 0 }],
          sides: [{ outgoing: 0, incoming: 40, locks: 0 }],
        },
      });
      const decision = await the.calls.decide(
        HOME,
        transactionFrom("key:k", { postings: aToB, conditions: [] }),
        ATTEMPT,
        toldOfB,
      );
      if (decision.type !== "accepted" || !("decided" in decision)) throw new Error(decision.type);
      const { decided } = decision;
      expect(decision.result).toMatchObject({
        transaction: { id: decided.transaction, postings: aToB, time: decided.decidedAt },
        accounts: [{ id: "a", balance: -40, seq: 1 }],
      });
      expect(await ask("ask", HOME)).toEqual({
        type: "decided",
        transaction: decided.transaction,
        decidedAt: decided.decidedAt,
        hold: null,
      });
      expect(await read(HOME, "y", "10")).toEqual([`${ATTEMPT} ${OTHER}`]);
      const end = await the.calls.ask(OTHER, { ...decided, type: "finish" });
      expect(end).toMatchObject({
        type: "ended",
        event: {
          transaction: decided.transaction,
          decidedAt: decided.decidedAt,
          id: "key:k",
          description: "what it is for",
          accounts: [{ id: "b", balance: 40, held: 0, seq: 1 }],
        },
      });
      expect((await read(OTHER, "s", "b"))?.at(-1)).toMatch(/^c b 1 \d+ 40 40 0 key:k what it i/);
      // Whoever comes later is told the same, as long as it is remembered.
      expect(await the.calls.ask(OTHER, { ...decided, type: "finish" })).toEqual(end);
      await the.stand.command(["DEL", ...(await keys("seen:*"))]);
      expect(await finish()).toEqual({ type: "not-open" });
      expect(await ask("undo", OTHER)).toEqual({ type: "not-open" });
      expect(await the.calls.row(OTHER, "b")).toMatchObject({
        row: expect.stringMatching(/^0 40 0 1 /),
        more: "",
      });
      expect(await the.calls.ask(HOME, { type: "forget", attempt: ATTEMPT, shards: [OTHER] })).toEqual({
        type: "forgotten",
      });
      expect([await keys("part*"), await keys("transit*")]).toEqual([[], []]);
      for (const shard of [HOME, OTHER])
        netChanges((await the.stand.outbox(shard)).map((batch) => ({ epoch: "", shard, ...batch })));
    });

    test("decided once, however often it is asked for", async () => {
      const command = transactionFrom("req:1", { postings: aToB, conditions: [] });
      await prepare(aToB, ["b"]);
      const first = await the.calls.decide(HOME, command, ATTEMPT, toldOfB);
      expect(await the.calls.decide(HOME, command, "0-two", toldOfB)).toMatchObject(
        Object.assign({}, first, { replayed: true }),
      );
      // The other attempt is out of the running, and what is decided stays so.
      expect(await ask("ask", HOME, "0-two")).toEqual({ type: "abandoned" });
      await the.stand.command(["DEL", ...(await keys("seen:*"))]);
      expect(await the.calls.decide(HOME, command, ATTEMPT, toldOfB)).toMatchObject({ type: "decided" });
      expect(await the.calls.decide(HOME, command, "0-two", toldOfB)).toEqual({ type: "again" });
      expect(await the.calls.row(HOME, "a")).toMatchObject({ row: expect.stringMatching(/^100 -40 0 1 /) });
    });

    test("undone, nothing is left of it, and a late call prepares nothing", async () => {
      await prepare(
        [
          { from: "@world", to: "c", amount: 5 },
          { from: "c", to: "a", amount: 3 },
        ],
        ["c"],
      );
      expect(await the.calls.row(OTHER, "c")).toMatchObject({ more: "1 0 5 0" });
      expect(await ask("ask", HOME)).toEqual({ type: "abandoned" });
      expect(await ask("undo", OTHER)).toMatchObject({ type: "ended", event: { sides: [{ incoming: 5 }] } });
      expect(await the.calls.row(OTHER, "c")).toMatchObject({
        row: expect.stringMatching(/^0 0 0 0 /),
        more: "",
      });
      expect(await prepare(aToB, ["b"])).toEqual({ type: "undone" });
      // Also where the undo was there first.
      expect(await ask("undo", OTHER, "0-late")).toEqual({ type: "not-open" });
      expect(await prepare(aToB, ["b"], "0-late")).toEqual({ type: "undone" });
      expect(await keys("part*")).toEqual([]);
      const command = transactionFrom("key:k", { postings: aToB, conditions: [] });
      expect(await the.calls.decide(HOME, command, ATTEMPT, toldOfB)).toEqual({ type: "again" });
    });
  });

  test("what shards refuse is put together at home: the first of all in the documented order", async () => {
    const postings = [
      { from: "a", to: "b", amount: 500 },
      { from: "c", to: "a", amount: 1 },
      { from: "a", to: "none", amount: 1 },
    ];
    expect(await prepare(postings, ["b", "c", "none"])).toEqual({
      type: "unprepared",
      accounts: [
        { state: "open", unit: "BRL/2" },
        { state: "open", unit: "BRL/2" },
        { state: "unknown", unit: "" },
      ],
      ...NOTHING_SAID,
    });
    expect(await prepare(postings.slice(0, 2), ["b", "c"])).toMatchObject({
      refused: { refusal: "limit-exceeded", posting: 1 },
    });
    const accounts = [...toldOfB.accounts, { id: "c", state: "open", unit: "BRL/2" }] as const;
    const refused = { refusal: "limit-exceeded", posting: 1 } as const;
    let count = 0;
    const decide = (of: readonly Posting[], told: Partial<Told>) => {
      count += 1;
      const command = transactionFrom(`key:${count}`, {
        postings: of,
        conditions: [condition("b", "balance", 1)],
      });
      return the.calls.decide(HOME, command, `0-${count}`, { ...toldOfB, accounts, ...told });
    };
    const none = { id: "none", state: "unknown", unit: "" } as const;
    expect(await decide(postings, { accounts: [...accounts, none], refused, unmet: 0 })).toMatchObject({
      refusal: "account-unknown",
      account: "none",
      index: 2,
    });
    expect(await decide(postings.slice(0, 2), { refused, unmet: 0 })).toMatchObject({
      refusal: "condition-failed",
      account: "b",
      index: 0,
    });
    expect(await decide(postings.slice(0, 2), { refused })).toMatchObject({
      refusal: "limit-exceeded",
      account: "a",
      index: 0,
    });
    expect(
      await decide([{ from: "a", to: "b", amount: 5 }, ...postings.slice(1, 2)], { refused }),
    ).toMatchObject({
      refusal: "limit-exceeded",
      account: "c",
      index: 1,
    });
    const other = [{ id: "b", state: "open", unit: "USD/2" }] as const;
    expect(await decide(aToB, { accounts: other })).toMatchObject({ refusal: "unit-mismatch", account: "b" });
    const closed = [{ id: "b", state: "closed", unit: "BRL/2" }] as const;
    expect(await decide(aToB, { accounts: closed })).toMatchObject({
      refusal: "account-closed",
      account: "b",
    });
    expect((await keys("transit:*")).length).toBe(6);
    expect(await the.calls.row(HOME, "a")).toMatchObject({ row: expect.stringMatching(/^100 0 0 0 /) });
  });

  test("what nobody knows yet has to wait, and what is known anyway does not", async () => {
    await the.calls.submit(OTHER, transact("c", "credit", 50));
    await prepare([{ from: "c", to: "a", amount: 40 }], ["c"]);
    // 50 would be there, if the 40 came back.
    expect(await the.calls.submit(OTHER, transact("c", "debit", 50))).toEqual({ type: "again" });
    expect(await the.calls.submit(OTHER, transact("c", "debit", 51))).toMatchObject({
      refusal: "limit-exceeded",
    });
    expect(await the.calls.submit(OTHER, transact("c", "debit", 10))).toMatchObject({ type: "accepted" });
    const seen = transactionFrom("key:c", {
      postings: [{ from: "@world", to: "b", amount: 1 }],
      conditions: [condition("c", "balance", 0)],
    });
    expect(await the.calls.submit(OTHER, seen)).toEqual({ type: "again" });
    expect(await the.calls.submit(OTHER, change("c", { state: "closed" }))).toMatchObject({
      refusal: "account-not-empty",
    });
    // Nothing of what was answered so is remembered.
    await ask("undo", OTHER);
    expect(await the.calls.submit(OTHER, seen)).toMatchObject({ type: "accepted" });
  });

  test("an account that a condition is on is locked until it is over", async () => {
    await the.calls.submit(OTHER, transact("c", "credit", 50));
    const made = await the.calls.submit(OTHER, hold("c", 10));
    const held = made.type === "accepted" && made.result.type === "hold" ? made.result.hold.id : "";
    const on = (attempt: string) =>
      the.calls.ask(OTHER, {
        type: "prepare",
        attempt,
        command: "key:k",
        isDryRun: false,
        postings: [{ from: "a", to: "@world", amount: 1 }],
        conditions: [{ place: 3, condition: condition("c", "available", 40, 40) }],
        accounts: ["c"],
        details: "",
      });
    expect(await on(ATTEMPT)).toMatchObject({ event: { sides: [{ outgoing: 0, incoming: 0, locks: 1 }] } });
    expect(await on("0-two")).toEqual({ type: "again" });
    for (const command of [
      transact("c", "credit", 1),
      hold("c", 1),
      release(held),
      capture(held),
      change("c", { creditLimit: 5 }),
    ])
      expect(await the.calls.submit(OTHER, command)).toEqual({ type: "again" });
    expect(await finish()).toMatchObject({
      event: { accounts: [{ id: "c", balance: 50, held: 10, seq: 1 }] },
    });
    expect(await the.calls.submit(OTHER, release(held))).toMatchObject({ type: "accepted" });
    expect(await on("0-three")).toEqual({
      type: "unprepared",
      accounts: [{ state: "open", unit: "BRL/2" }],
      refused: null,
      unmet: 3,
    });
  });

  test("a dry run says what would be, and changes nothing", async () => {
    const dry = await the.calls.ask(OTHER, {
      type: "prepare",
      attempt: ATTEMPT,
      command: "key:k",
      isDryRun: true,
      postings: [...aToB, { from: "b", to: "c", amount: 30 }],
      conditions: [],
      accounts: ["b", "c"],
      details: "",
    });
    expect(dry).toMatchObject({
      type: "dry",
      event: {
        accounts: [
          { id: "b", balance: 10, seq: 2 },
          { id: "c", balance: 30, seq: 1 },
        ],
      },
    });
    const command = transactionFrom("key:k", { postings: aToB, conditions: [] }, true);
    expect(await the.calls.decide(HOME, command, ATTEMPT, toldOfB)).toMatchObject({
      result: { transaction: { id: "" }, accounts: [{ id: "a", balance: -40 }] },
    });
    const tooMuch = transactionFrom(
      "key:k",
      { postings: [{ from: "a", to: "b", amount: 101 }], conditions: [] },
      true,
    );
    expect(await the.calls.decide(HOME, tooMuch, ATTEMPT, toldOfB)).toMatchObject({
      refusal: "limit-exceeded",
    });
    expect([await keys("part*"), await keys("transit*"), (await the.stand.events(HOME)).length]).toEqual([
      [],
      [],
      1,
    ]);
    expect(await the.calls.row(OTHER, "b")).toMatchObject({
      row: expect.stringMatching(/^0 0 0 0 /),
      more: "",
    });
  });
});
