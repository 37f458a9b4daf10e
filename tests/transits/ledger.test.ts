import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { WORLD } from "../../src/ledger/account.ts";
import type { Command, CommandId } from "../../src/ledger/command.ts";
import type { Outcome } from "../../src/ledger/ledger.ts";
import { NO_DETAILS, type Posting } from "../../src/ledger/transaction.ts";
import type { RedisLedger } from "../../src/decide/redis-ledger.ts";
import { accountOn } from "../support/account-on.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { requestId } from "../support/ledger/commands.ts";
import { describeWithRedis, RedisStand } from "../support/redis-under-test.ts";
import { ShardCalls } from "../support/transits/shard-calls.ts";

failOnLeaks();
setDefaultTimeout(60_000);

const SHARDS = 3;
const [A, B, C] = [accountOn(0, SHARDS), accountOn(1, SHARDS), accountOn(2, SHARDS)];

describeWithRedis("a ledger on three shards", () => {
  let stand: RedisStand;
  let ledger: RedisLedger;
  beforeEach(async () => {
    stand = await RedisStand.start({ shards: SHARDS });
    ledger = await stand.ledger();
    for (const account of [A, B, C]) await pay([{ from: WORLD, to: account, amount: 1000 }]);
  });
  afterEach(() => stand[Symbol.asyncDispose]());

  function pay(
    postings: readonly Posting[],
    more: Partial<Extract<Command, { readonly type: "transaction" }>> = {},
  ): Promise<Outcome> {
    const id: CommandId = requestId();
    return ledger.submit({
      type: "transaction",
      id,
      postings,
      conditions: [],
      isDryRun: false,
      ...NO_DETAILS,
      ...more,
    });
  }

  async function rows(): Promise<(readonly [number | undefined, number | undefined])[]> {
    const all = await Promise.all([A, B, C].map((id) => ledger.account(id)));
    return all.map((account) => [account?.balance, account?.held] as const);
  }

  async function keysOf(pattern: string): Promise<unknown> {
    return stand.command(["KEYS", `razonete:*:${pattern}`]);
  }

  function transactionIn(outcome: Outcome): string {
    if (outcome.type !== "accepted" || outcome.result.type !== "transaction") throw new Error("refused");
    return outcome.result.transaction.id;
  }

  test("moves money between all of them, and answers with all accounts in the order of the postings", async () => {
    const outcome = await pay([
      { from: B, to: A, amount: 10 },
      { from: A, to: C, amount: 3 },
    ]);
    expect(outcome).toMatchObject({
      type: "accepted",
      replayed: false,
      result: {
        accounts: [
          { id: B, balance: 990, held: 0, seq: 2 },
          { id: A, balance: 1007, held: 0, seq: 3 },
          { id: C, balance: 1003, held: 0, seq: 2 },
        ],
      },
    });
    expect(await rows()).toEqual([
      [1007, 0],
      [990, 0],
      [1003, 0],
    ]);
    await eventually("home has forgotten the attempt", async () => {
      const left = [await keysOf("part:*"), await keysOf("transit:*"), await keysOf("parts")];
      return JSON.stringify(left) === "[[],[],[]]";
    });
    expect(await ledger.transaction(transactionIn(outcome))).toMatchObject({
      transaction: { postings: [{ from: B }, { from: A }] },
    });
  });

  test("a key used again finds the first outcome, with all accounts", async () => {
    const first = await pay([{ from: A, to: B, amount: 5 }], { id: "key:one" });
    const again = await pay([{ from: A, to: B, amount: 5 }], { id: "key:one" });
    expect(again).toEqual({ ...first, replayed: true } as Outcome);
    expect(await keysOf("part:*")).toEqual([]);
    expect(await rows()).toEqual([
      [995, 0],
      [1005, 0],
      [1000, 0],
    ]);
    expect(await pay([{ from: A, to: B, amount: 6 }], { id: "key:one" })).toMatchObject({
      type: "refused",
      refusal: "key-reused",
    });
  });

  test("refuses what one shard would refuse, and leaves nothing set aside", async () => {
    expect(await pay([{ from: A, to: B, amount: 1_000_000_000 }])).toMatchObject({
      refusal: "limit-exceeded",
      account: A,
    });
    expect(
      await pay([
        { from: A, to: B, amount: 1 },
        { from: B, to: A, amount: 1_000_000_000 },
      ]),
    ).toMatchObject({ refusal: "limit-exceeded", account: B, index: 1 });
    const condition = { account: C, what: "balance", least: 0, most: 999 } as const;
    expect(await pay([{ from: A, to: B, amount: 1 }], { conditions: [condition] })).toMatchObject({
      refusal: "condition-failed",
      account: C,
    });
    expect(await rows()).toEqual([
      [1000, 0],
      [1000, 0],
      [1000, 0],
    ]);
    expect(await keysOf("part:*")).toEqual([]);
  });

  test("a condition on another shard that is met", async () => {
    const condition = { account: C, what: "balance", least: 1000, most: 1000 } as const;
    const outcome = await pay([{ from: A, to: B, amount: 1 }], { conditions: [condition] });
    expect(outcome).toMatchObject({ type: "accepted", result: { accounts: [{ id: A }, { id: B }] } });
  });

  test("a dry run tells all accounts, and changes nothing", async () => {
    expect(await pay([{ from: A, to: B, amount: 7 }], { isDryRun: true })).toMatchObject({
      type: "accepted",
      result: {
        transaction: { id: "" },
        accounts: [
          { id: A, balance: 993 },
          { id: B, balance: 1007 },
        ],
      },
    });
    expect(await rows()).toEqual([
      [1000, 0],
      [1000, 0],
      [1000, 0],
    ]);
    expect([await keysOf("part:*"), await keysOf("transit:*")]).toEqual([[], []]);
  });

  test("is taken back once", async () => {
    const transaction = transactionIn(await pay([{ from: A, to: B, amount: 9 }]));
    const reversal = (): Command => ({ type: "reversal", id: requestId(), transaction, ...NO_DETAILS });
    expect(await ledger.submit(reversal())).toMatchObject({
      type: "accepted",
      result: { transaction: { reverses: transaction }, accounts: [{ balance: 1000 }, { balance: 1000 }] },
    });
    expect(await ledger.submit(reversal())).toMatchObject({ refusal: "already-reversed" });
    expect(await rows()).toEqual([
      [1000, 0],
      [1000, 0],
      [1000, 0],
    ]);
  });

  test("a hold for an account of another shard is captured there, or where the capture says", async () => {
    const hold = async (): Promise<string> => {
      const made = await ledger.submit({
        type: "hold",
        id: requestId(),
        from: A,
        to: B,
        amount: 50,
        expiresInSeconds: 600,
        ...NO_DETAILS,
      });
      if (made.type !== "accepted" || made.result.type !== "hold") throw new Error("refused");
      return made.result.hold.id;
    };
    const capture = async (more: Partial<Extract<Command, { readonly type: "capture" }>>) =>
      ledger.submit({
        type: "capture",
        id: requestId(),
        hold: await hold(),
        amount: null,
        to: null,
        parts: null,
        ...more,
      });
    expect(await capture({ id: "key:capture" })).toMatchObject({
      type: "accepted",
      result: { hold: { state: "captured", captured: 50 }, account: { id: A, balance: 950, held: 0 } },
    });
    expect(await capture({ to: C, amount: 20 })).toMatchObject({
      type: "accepted",
      result: { hold: { captured: 20 } },
    });
    const parts = [
      { to: B, amount: 1 },
      { to: C, amount: 2 },
    ];
    expect(await capture({ parts })).toMatchObject({ type: "accepted", result: { hold: { captured: 3 } } });
    expect(await rows()).toEqual([
      [927, 0],
      [1051, 0],
      [1022, 0],
    ]);
    expect(await capture({ to: C, amount: 1_000_000_000 })).toMatchObject({ type: "refused" });
    expect(await keysOf("part:*")).toEqual([]);
  });

  test("opposite transfers at once through two ledgers neither lose nor make money", async () => {
    const other = await stand.ledger();
    const outcomes = await Promise.all(
      Array.from({ length: 60 }, (_, index) => {
        const [from = A, to = B] =
          [
            [A, B],
            [B, C],
            [C, A],
            [B, A],
          ][index % 4] ?? [];
        const postings = [{ from, to, amount: 1 + (index % 7) }];
        const command = {
          type: "transaction",
          id: requestId(),
          postings,
          conditions: [],
          isDryRun: false,
        } as const;
        return (index % 2 === 0 ? ledger : other).submit({ ...command, ...NO_DETAILS });
      }),
    );
    expect(outcomes.every(({ type }) => type === "accepted")).toBe(true);
    const now = await rows();
    expect(now.reduce((sum, [balance = 0]) => sum + balance, 0)).toBe(3000);
    expect(now.every(([, held]) => held === 0)).toBe(true);
  });

  test("what a dead process has left is undone, or finished, by any other", async () => {
    const calls = new ShardCalls(stand);
    const postings = [{ from: A, to: B, amount: 4 }];
    const left = async (attempt: string, isDecided: boolean): Promise<void> => {
      await calls.ask(1, {
        type: "prepare",
        attempt,
        command: "req:dead",
        isDryRun: false,
        postings,
        conditions: [],
        accounts: [B],
        details: "",
      });
      const told = {
        shards: [1],
        accounts: [{ id: B, state: "open", unit: "BRL/2" }],
        refused: null,
        unmet: null,
      } as const;
      const command = {
        type: "transaction",
        id: requestId(),
        postings,
        conditions: [],
        isDryRun: false,
      } as const;
      if (isDecided) await calls.decide(0, { ...command, ...NO_DETAILS }, attempt, told);
    };
    await left("0-undecided", false);
    await left("0-decided", true);
    await stand.ledger({ completionMilliseconds: 20 });
    await eventually(
      "no part is open, and no decision waits for one",
      async () => JSON.stringify([await keysOf("part:*"), await keysOf("transits")]) === "[[],[]]",
    );
    expect(await rows()).toEqual([
      [996, 0],
      [1004, 0],
      [1000, 0],
    ]);
  });

  test("only an atomic batch is refused for it", async () => {
    const command = {
      type: "transaction",
      id: "key:apart",
      conditions: [],
      isDryRun: false,
      ...NO_DETAILS,
    } as const;
    const outcome = await ledger.submitAll([{ ...command, postings: [{ from: A, to: B, amount: 1 }] }]);
    expect(outcome).toMatchObject({ type: "refused", index: 0, refused: { refusal: "shards-apart" } });
    // It is not remembered.
    const mended = await ledger.submitAll([{ ...command, postings: [{ from: A, to: WORLD, amount: 1 }] }]);
    expect(mended).toMatchObject({ type: "done", outcomes: [{ type: "accepted", replayed: false }] });
  });
});
