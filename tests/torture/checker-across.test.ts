import { describe, expect, test } from "bun:test";
import { createChecker } from "../../proof/torture/check/checker.ts";
import type { Answer, Attempt, Operation, ShownAccount } from "../../proof/torture/clients/history.ts";
import { booksOf } from "./support/books-by-hand.ts";

/**
 * Two shards: account 1 on shard 0, with a limit of 100000, and account 2 on shard 1, with one of 80000, both with nothing.
 * The journal and what clients were answered are written by hand.
 */
const OPEN = ["o 1 1000000 100000 initial - BRL/2 "];
const OPEN_OTHER = ["o 2 1000000 80000 initial - BRL/2 "];
const LIMITS = { 1: 100_000, 2: 80_000 };
type Id = keyof typeof LIMITS;
type Payment = Extract<Operation, { type: "transaction" }>;

const row = (id: Id, balance: number, held: number, seq: number, time: number, state = "open") =>
  `${id} ${LIMITS[id]} ${balance} ${held} ${seq} ${time} BRL/2 ${state} 1000000`;
const shown = (id: Id, balance: number, held: number, seq: number): ShownAccount => {
  const available = balance - held + LIMITS[id];
  return {
    id: String(id),
    creditLimit: LIMITS[id],
    balance,
    rest: { unit: "BRL/2", state: "open", held, available, seq },
  };
};

/** 30 from 2 to 1, which shard 1 decides. */
const PAID = "t1-1-0-0";
const HOME = [
  `t 4000000 1 1 2 1 30 1 -30 0 0 ${row(2, -30, 0, 1, 4_000_000)} key:p - {"reference":"p","across":{"attempt":"1-A","shards":[0]}}`,
];
const PART = [
  `q 3000000 1-A 1 1 2 1 30 0 0 0 0 ${row(1, 0, 0, 0, 1_000_000)} 0 30 0 key:p {"reference":"p"}`,
  `f 5000000 1-A ${PAID} 4000000 - 1 1 2 1 30 0 0 1 30 ${row(1, 30, 0, 1, 5_000_000)} 0 30 0 key:p {"reference":"p"}`,
];
const pay = (amount: number, reference = "p", from: Id = 2, to: Id = 1): Payment => ({
  type: "transaction",
  postings: [{ from: String(from), to: String(to), amount }],
  conditions: [],
  dryRun: false,
  reference,
});
const PAID_ANSWER: Answer = {
  type: "accepted",
  accounts: [shown(2, -30, 0, 1), shown(1, 30, 0, 1)],
  transaction: {
    id: PAID,
    postings: [{ from: "2", to: "1", amount: 30 }],
    reference: "p",
    reverses: null,
    hold: null,
  },
  hold: null,
  replayed: false,
};

type Wanted = Omit<Attempt, "number" | "by" | "key"> & { readonly key?: string };

/** Sent at 10 and answered at 20. */
const PAYMENT: Wanted = { operation: pay(30), key: "p", sentAt: 10, endedAt: 20, answer: PAID_ANSWER };
const read = (account: ShownAccount, sentAt: number, endedAt: number): Wanted => ({
  operation: { type: "read-account", account: account.id },
  sentAt,
  endedAt,
  answer: { type: "account", account },
});
const refused = (problem: string, account: string | null, index: number | null): Answer => ({
  type: "refused",
  problem,
  account,
  index,
  other: null,
  replayed: false,
});

function found(attempts: readonly Wanted[], shards: readonly (readonly string[])[] = [PART, HOME]): string[] {
  const [one = [], other = []] = shards;
  const books = booksOf([
    [...OPEN, ...one],
    [...OPEN_OTHER, ...other],
  ]);
  const numbered = attempts.map(({ key = null, ...attempt }, index) => ({
    ...attempt,
    number: index + 1,
    key,
    by: null,
  }));
  return createChecker()
    .round(numbered, books, [])
    .violations.map(({ name }) => name);
}

describe("the torture's checker, of a transaction across shards", () => {
  test("takes the right answer, and the same again", () => {
    const again = { ...PAYMENT, sentAt: 30, endedAt: 40, answer: { ...PAID_ANSWER, replayed: true } };
    expect(found([PAYMENT, again])).toEqual([]);
  });

  test("takes what is not known to be done", () => {
    expect(found([{ ...PAYMENT, answer: { type: "unknown", reason: "" } }])).toEqual([]);
  });

  test("finds an answer with an account of another shard as it never was", () => {
    const answer = { ...PAID_ANSWER, accounts: [shown(2, -30, 0, 1), shown(1, 31, 0, 1)] };
    expect(found([{ ...PAYMENT, answer }])).toEqual(["wrong-answer"]);
  });

  test("finds an answer without the account of another shard", () => {
    expect(found([{ ...PAYMENT, answer: { ...PAID_ANSWER, accounts: [shown(2, -30, 0, 1)] } }])).toEqual([
      "wrong-answer",
    ]);
  });

  test("finds one that nobody asked for, on each of its shards", () => {
    expect(found([])).toEqual(["unasked", "unasked"]);
  });

  test("finds one that was answered as not done", () => {
    expect(found([{ ...PAYMENT, answer: { type: "not-done" } }])).toContain("refused-and-applied");
  });

  test("finds one that was answered, of which there is only the part", () => {
    expect(found([PAYMENT], [PART, []]).toSorted()).toEqual(["finished-undecided", "lost"]);
  });

  test("finds one that moves something else than was asked for", () => {
    expect(found([{ ...PAYMENT, operation: pay(31) }])).toContain("wrong-answer");
  });
});

describe("the torture's checker, of what is read of an account of another shard", () => {
  test("takes it as it was before, and after, while the request is under way", () => {
    for (const account of [shown(1, 0, 0, 0), shown(1, 30, 0, 1)])
      expect(found([PAYMENT, read(account, 12, 14)])).toEqual([]);
  });

  test("finds that it is as before, though the answer was there", () => {
    expect(found([PAYMENT, read(shown(1, 0, 0, 0), 21, 22)])).toEqual(["stale-statement"]);
  });

  test("finds that it is as after, though the request was not sent yet", () => {
    expect(found([PAYMENT, read(shown(1, 30, 0, 1), 1, 9)])).toEqual(["order-reversed"]);
  });

  test("takes what is held of it while the request is under way, and neither before nor after", () => {
    // 30 from 1 to 2, decided by shard 1: what capturing a hold, or taking something back, may come to.
    const across = `{"reference":"p","across":{"attempt":"1-A","shards":[0]}}`;
    const home = [`t 4000000 1 1 1 2 30 0 0 1 30 ${row(2, 30, 0, 1, 4_000_000)} key:p - ${across}`];
    const part = [
      `q 3000000 1-A 1 1 1 2 30 0 0 0 0 ${row(1, 0, 30, 0, 1_000_000)} 30 0 0 key:p {"reference":"p"}`,
      `f 5000000 1-A ${PAID} 4000000 - 1 1 1 2 30 1 -30 0 0 ${row(1, -30, 0, 1, 5_000_000)} 30 0 0 key:p {"reference":"p"}`,
    ];
    const answer: Answer = { type: "unknown", reason: "" };
    const payment = { ...PAYMENT, operation: pay(30, "p", 1, 2), answer };
    const held = shown(1, 0, 30, 0);
    expect(found([payment, read(held, 12, 14)], [part, home])).toEqual([]);
    expect(found([payment, read(held, 1, 9)], [part, home])).toEqual(["order-reversed"]);
    const told: Answer = {
      ...PAID_ANSWER,
      accounts: [shown(1, -30, 0, 1), shown(2, 30, 0, 1)],
      transaction: {
        id: PAID,
        postings: [{ from: "1", to: "2", amount: 30 }],
        reference: "p",
        reverses: null,
        hold: null,
      },
    };
    const after = [{ ...payment, answer: told }, read(held, 21, 22)];
    expect(found(after, [part, home])).toEqual(["stale-statement"]);
  });
});

describe("the torture's checker, of what is refused for an account of another shard", () => {
  const closed = [`a 1 2000000 ${row(1, 0, 0, 0, 1_000_000, "closed").slice(2)} key:c - {"name":"c"}`];
  const closing: Wanted = {
    operation: { type: "change-state", account: "1", state: "closed", name: "c" },
    key: "c",
    sentAt: 1,
    endedAt: 5,
    answer: {
      type: "accepted",
      accounts: [{ ...shown(1, 0, 0, 0), rest: { ...stateOf(), state: "closed" } }],
      transaction: null,
      hold: null,
      replayed: false,
    },
  };
  const answer = refused("account-closed", "1", 0);
  const without: Wanted = { operation: pay(30), sentAt: 10, endedAt: 20, answer };
  const refusal = ["x 4000000 account-closed/1/0 key:p -"];

  test("takes it where there is a reason", () => {
    expect(found([closing, without], [closed, []])).toEqual([]);
    expect(found([closing, { ...without, key: "p" }], [closed, refusal])).toEqual([]);
  });

  test("finds that there is none", () => {
    expect(found([without], [[], []])).toEqual(["impossible-refusal"]);
    expect(found([{ ...without, key: "p" }], [[], refusal])).toContain("impossible-refusal");
  });

  test("finds that the reason came later than the answer", () => {
    const late = { ...closing, sentAt: 30, endedAt: 40 };
    expect(found([late, without], [closed, []])).toEqual(["impossible-refusal"]);
    expect(found([late, { ...without, key: "p" }], [closed, refusal])).toEqual(["impossible-refusal"]);
  });

  test("finds that another shard had to refuse it for something that comes first", () => {
    const wanted: Answer = refused("limit-exceeded", "2", 0);
    const tooMuch = { ...without, operation: pay(80_001), answer: wanted };
    expect(found([tooMuch], [[], []])).toEqual([]);
    expect(found([closing, tooMuch], [closed, []])).toEqual(["impossible-refusal"]);
  });

  test("takes, and finds, what conditions on accounts of several shards come to", () => {
    const operation: Payment = {
      ...pay(30),
      conditions: [
        { account: "1", what: "available", is: "lte", value: 100_000 },
        { account: "2", what: "balance", is: "gte", value: 5 },
      ],
    };
    const failed = (account: string, index: number): Wanted => ({
      ...without,
      operation,
      answer: refused("condition-failed", account, index),
    });
    expect(found([failed("2", 1)], [[], []])).toEqual([]);
    expect(found([failed("1", 0)], [[], []])).toEqual(["impossible-refusal"]);
  });

  test("finds a hold for an account that was closed before", () => {
    const hold = [
      `h 4000000 1 30 14000000 ${row(2, 0, 30, 0, 1_000_000)} key:h - {"reference":"h"}`,
      `r 5000000 h1-1-0-0 ${row(2, 0, 0, 0, 1_000_000)} key:r -`,
    ];
    const asked: Wanted = {
      operation: { type: "hold", from: "2", to: "1", amount: 30, seconds: 10, reference: "h" },
      key: "h",
      sentAt: 10,
      endedAt: 20,
      answer: { type: "unknown", reason: "" },
    };
    const released: Wanted = {
      ...asked,
      operation: { type: "release", hold: "h1-1-0-0" },
      key: "r",
    };
    expect(found([asked, released], [[], hold])).toEqual([]);
    expect(found([closing, asked, released], [closed, hold])).toEqual(["impossible-acceptance"]);
  });

  test("finds a dry run that shows an account of another shard as it would not be", () => {
    const dry = (accounts: ShownAccount[]): Wanted => ({
      operation: { ...pay(30), dryRun: true },
      sentAt: 10,
      endedAt: 20,
      answer: { type: "dry-run", accounts },
    });
    expect(found([dry([shown(2, -30, 0, 1), shown(1, 30, 0, 1)])], [[], []])).toEqual([]);
    expect(found([dry([shown(2, -30, 0, 1), shown(1, 31, 0, 1)])], [[], []])).toEqual([
      "impossible-statement",
    ]);
  });
});

describe("the torture's checker, of an atomic batch that is refused as of several shards", () => {
  const batch = (commands: readonly Payment[], atomic = true): Wanted => ({
    operation: { type: "batch", atomic, commands: commands.map((command) => ({ command, key: null })) },
    key: "b",
    sentAt: 10,
    endedAt: 20,
    answer: {
      type: "batch",
      results: commands.map((_, index) =>
        index === 0 ? refused("shards-apart", null, null) : { type: "not-done" },
      ),
      refused: 0,
    },
  });
  const inside = { ...pay(1, "i"), postings: [{ from: "1", to: "@world", amount: 1 }] };

  test("takes it where it is", () => {
    expect(found([batch([pay(1, "b"), pay(1, "c")])], [[], []])).toEqual([]);
  });

  test("finds that it is of one", () => {
    expect(found([batch([inside])], [[], []])).toEqual(["impossible-refusal"]);
  });

  test("finds that it was done all the same", () => {
    const done = [
      `t 4000000 1 1 1 @world 1 1 -1 0 0 ${row(1, -1, 0, 1, 4_000_000)} key:b - {"reference":"i"}`,
    ];
    expect(found([batch([inside, pay(1, "c")])], [done, []])).toContain("refused-and-applied");
  });

  test("finds it of a batch that is not atomic", () => {
    expect(found([batch([pay(1, "b")], false)], [[], []])).toEqual(["odd-answer"]);
  });
});

function stateOf() {
  return { unit: "BRL/2", state: "open" as const, held: 0, available: 100_000, seq: 0 };
}
