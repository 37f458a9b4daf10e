import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import type { Account } from "../ledger/account.ts";
import type { Command } from "../ledger/command.ts";
import { contentHash, openingHash } from "../ledger/content-hash.ts";
import { formatRow } from "../ledger/event.ts";
import { formatAccountDetails } from "../ledger/details-text.ts";
import { NO_DETAILS } from "../ledger/transaction.ts";
import {
  accountOfRow,
  argumentsOf,
  formatHold,
  newEvent,
  parseAnswer,
  parseHold,
  type Prepared,
} from "./function-codec.ts";

const MAX = Number.MAX_SAFE_INTEGER;
const AS_IS: Prepared = { type: "as-is" };

const amount = fc.oneof(fc.constantFrom(0, 1, MAX - 1, MAX), fc.maxSafeNat());
const balance = fc.oneof(fc.constantFrom(-MAX, -1, 0, 1, MAX), fc.maxSafeInteger());
const accountId = fc.stringMatching(/^[A-Za-z0-9_:{}-][A-Za-z0-9._:{}-]{0,63}$/);
const unit = fc.stringMatching(/^[A-Z][A-Z0-9_]{0,15}(\/[0-9]{1,2})?$/);
const text = fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 });
const metadata = fc.dictionary(fc.stringMatching(/^[a-z]{1,10}$/), text, { maxKeys: 4 });

const account: fc.Arbitrary<Account> = fc.record({
  id: accountId,
  name: fc.option(text),
  metadata,
  unit,
  state: fc.constantFrom("open", "frozen", "closed"),
  creditLimit: amount,
  balance,
  held: amount,
  seq: amount,
  time: amount,
  openedAt: amount,
});

describe("the row of an account", () => {
  test("comes back as it was", () => {
    fc.assert(
      fc.property(account, (one) => {
        expect(accountOfRow(one.id, formatRow(one), formatAccountDetails(one))).toEqual(one);
      }),
    );
  });

  test.each([
    "",
    "1 2 3 4 5 BRL/2 open",
    "1 2 3 4 5 BRL/2 open 7 8",
    "x 2 3 4 5 BRL/2 open 7",
    "-1 2 3 4 5 BRL/2 open 7",
    "1 2 3 4 5 brl open 7",
    "1 2 3 4 5 BRL/2 ended 7",
    "1 9007199254740993 3 4 5 BRL/2 open 7",
  ])("%j is none", (row) => {
    expect(() => accountOfRow("a", row, "")).toThrow("not the row of an account");
  });
});

test("a hold comes back as it was, whatever its description", () => {
  const hold = fc.record({
    id: fc.constant("h0-1-2-3"),
    state: fc.constantFrom("open" as const, "captured" as const, "released" as const, "expired" as const),
    from: accountId,
    to: fc.oneof(accountId, fc.constant("@world")),
    amount,
    captured: amount,
    expiresAt: amount,
    time: amount,
    transaction: fc.option(fc.constant("t0-1-2-3")),
    description: fc.option(text),
    reference: fc.option(fc.stringMatching(/^[!-~]{1,64}$/)),
    metadata,
  });
  fc.assert(
    fc.property(hold, (one) => {
      expect(parseHold(one.id, formatHold(one))).toEqual(one);
    }),
  );
  expect(() => parseHold("h0-1-2-3", "open a b 1")).toThrow("not a hold");
});

test("the arguments of each command", () => {
  const opening = { unit: "BRL/2", creditLimit: 9, name: "n", metadata: { b: "2", a: "1" } };
  const keyed: Command = {
    type: "transact",
    id: "key:1",
    account: "7",
    kind: "debit",
    value: 5,
    description: "d",
  };
  for (const [command, prepared, expected] of [
    [{ ...keyed, id: "req:1", kind: "credit" }, AS_IS, ["c", "req:1", "7", "5", "", "d"]],
    [keyed, AS_IS, ["d", "key:1", "7", "5", contentHash(keyed), "d"]],
    [
      { type: "open", id: "req:2", account: null, ...opening },
      { type: "open", account: "made" },
      [
        "o",
        "req:2",
        "made",
        "9",
        "",
        { unit: "BRL/2", opening: openingHash(opening), details: formatAccountDetails(opening) },
      ],
    ],
    [
      { type: "change", id: "req:3", account: "7", creditLimit: 9, name: "m" },
      { type: "details", before: "{}", after: '{"name":"m"}' },
      ["a", "req:3", "7", "", "", { limit: 9, details: '{"name":"m"}', before: "{}" }],
    ],
    [
      {
        type: "transaction",
        // Its key is not looked at.
        id: "key:4",
        postings: [{ from: "a", to: "@world", amount: 3 }],
        conditions: [{ account: "a", what: "seq", least: 1, most: 2 ** 53 }],
        isDryRun: true,
        ...NO_DETAILS,
        reference: "r",
      },
      AS_IS,
      ["t", "req:/", "", "", "", '1 1 / 1 a @world 3 a seq 1 9007199254740992 {"reference":"r"}'],
    ],
    [
      { type: "reversal", id: "req:5", transaction: "t0-1-2-3", ...NO_DETAILS },
      { type: "reversal", postings: [{ from: "@world", to: "a", amount: 3 }] },
      ["t", "req:5", "", "", "", '1 0 t0-1-2-3 0 @world a 3 {"reverses":"t0-1-2-3"}'],
    ],
    [
      { type: "hold", id: "req:6", from: "a", to: "b", amount: 3, expiresInSeconds: 60, ...NO_DETAILS },
      AS_IS,
      ["h", "req:6", "a", "3", "", "b 60 "],
    ],
    [
      {
        type: "capture",
        id: "req:7",
        hold: "h0-1-2-3",
        amount: null,
        to: null,
        parts: [{ to: "b", amount: 2 }],
      },
      AS_IS,
      ["p", "req:7", "h0-1-2-3", "", "", "/ / 1 b 2"],
    ],
    [
      { type: "capture", id: "req:7", hold: "h0-1-2-3", amount: 0, to: "-", parts: null },
      AS_IS,
      ["p", "req:7", "h0-1-2-3", "", "", "0 - /"],
    ],
    [{ type: "release", id: "req:8", hold: "h0-1-2-3" }, AS_IS, ["r", "req:8", "h0-1-2-3", "", "", ""]],
    [
      { type: "release", id: "req:9", hold: "h0-1-2-3" },
      {
        type: "refused",
        refused: { refusal: "hold-not-open", account: null, index: null, other: "expired" },
      },
      ["x", "req:9", "", "", "", "hold-not-open///expired"],
    ],
  ] satisfies readonly (readonly [Command, Prepared, unknown])[]) {
    const [kind = "", id, of, value, content, last = ""] = argumentsOf(command, prepared);
    const isJson = ["o", "a"].includes(kind);
    expect([kind, id, of, value, content, isJson ? JSON.parse(last) : last]).toEqual(expected);
  }
});

describe("an answer", () => {
  const command: Command = { type: "release", id: "key:r", hold: "h0-1-2-3" };
  const released = "r 9 h0-1-2-3 1 100 -40 0 7 9 BRL/2 open 3 key:r hash";
  const row = "released 1 @world 5 0 99 5 - ";

  test("of a hold's end has the hold behind it, which is no part of the event", () => {
    const answer = `=4 2 ${released}\n${row}`;
    expect(newEvent(answer)).toBe(released);
    expect(parseAnswer(answer, command, 0)).toMatchObject({
      type: "accepted",
      replayed: false,
      result: {
        type: "hold",
        hold: { id: "h0-1-2-3", state: "released", amount: 5 },
        account: { id: "1", balance: -40 },
      },
    });
    expect(newEvent(`+4 2 ${released}\n${row}`)).toBeNull();
  });

  test("of a dry run makes no event, and the transaction has no id", () => {
    const answer = "=0 0 t 9 1 1 1 @world 40 7 -40 0 0 1 100 -40 0 7 9 BRL/2 open 3 req:1 - ";
    expect(newEvent(answer)).toBeNull();
    const dry: Command = {
      type: "transaction",
      id: "req:1",
      postings: [],
      conditions: [],
      isDryRun: true,
      ...NO_DETAILS,
    };
    expect(parseAnswer(answer, dry, 0)).toMatchObject({ result: { transaction: { id: "" } } });
    expect(parseAnswer(answer.replace("=0 0", "=5 1"), { ...dry, isDryRun: false }, 2)).toMatchObject({
      result: { transaction: { id: "t2-5-1-9" } },
    });
  });

  test("that it is refused, with its place; also as the event that a key makes of it", () => {
    const refused = {
      type: "refused",
      refusal: "limit-exceeded",
      account: "a",
      index: 2,
      other: null,
    } as const;
    expect(parseAnswer("!limit-exceeded/a/2", command, 0)).toEqual({ ...refused, replayed: false });
    expect(parseAnswer("?limit-exceeded/a/2", command, 0)).toEqual({ ...refused, replayed: true });
    expect(parseAnswer("!x 9 limit-exceeded/a/2 key:r hash", command, 0)).toEqual({
      ...refused,
      replayed: false,
    });
    expect(newEvent("!x 9 limit-exceeded/a/2 key:r hash")).toBe("x 9 limit-exceeded/a/2 key:r hash");
  });

  test.each([
    ["#", "full"],
    ["~", "again"],
    ["-", "undone"],
  ] as const)("%j", (answer, type) => {
    expect(parseAnswer(answer, command, 0)).toEqual({ type });
  });

  test.each([
    "",
    "=",
    "!",
    "!because",
    "=r 9",
    "=4 2 e 9 h0-1-2-3 1 100 -40 0 7 9 BRL/2 open 3",
    `=4 2 ${released}`,
  ])("%j is none", (answer) => {
    expect(() => parseAnswer(answer, command, 0)).toThrow();
  });
});
