import { expect, test } from "bun:test";
import { commandIdOf, formatEvent, parseEvent, timeOf, type LedgerEvent } from "./event.ts";

test("an entry's description is the rest of the text, whatever is in it", () => {
  for (const description of ["x", "a b  c", "\n", "|'\"", " ", "😀 ", ""]) {
    expect(parseEvent(`d 1 7 1700000000000000 600 -1000 1000 req:a-1 ${description}`)).toEqual({
      type: "entry",
      creditLimit: 1000,
      entry: {
        account: "1",
        seq: 7,
        time: 1_700_000_000_000_000,
        kind: "debit",
        value: 600,
        balance: -1000,
        id: "req:a-1",
        description,
      },
    });
  }
  expect(parseEvent("c 1 1 1 9007199254740991 9007199254740991 0 key:k x")).toMatchObject({
    entry: { kind: "credit", value: Number.MAX_SAFE_INTEGER, balance: Number.MAX_SAFE_INTEGER, id: "key:k" },
  });
});

const noDetails = { description: null, reference: null, metadata: {} };
const state = { unit: "BRL/2", state: "open", held: 0, openedAt: 3 } as const;
const one = { id: "1", creditLimit: 100, balance: -40, seq: 7, time: 9, ...state } as const;
const other = {
  id: "{x}:y",
  creditLimit: 0,
  balance: 40,
  seq: 1,
  time: 9,
  ...state,
  state: "frozen",
  held: 5,
} as const;
const posting = { from: "1", to: "{x}:y", amount: 40, fromSeq: 7, fromBalance: -40, toSeq: 1, toBalance: 40 };
const inward = { from: "@world", to: "1", amount: 1, fromSeq: 0, fromBalance: 0, toSeq: 8, toBalance: -39 };

const events: readonly (readonly [string, LedgerEvent])[] = [
  [
    'o {x}:y 5 100 req:1 - BRL/2 {"name":"Padaria Joia","metadata":{"a b":"c"}}',
    {
      type: "open",
      account: "{x}:y",
      time: 5,
      creditLimit: 100,
      id: "req:1",
      content: null,
      unit: "BRL/2",
      name: "Padaria Joia",
      metadata: { "a b": "c" },
    },
  ],
  [
    "o key:a 5 100 key:a hash A ",
    {
      type: "open",
      account: "key:a",
      time: 5,
      creditLimit: 100,
      id: "key:a",
      content: "hash",
      unit: "A",
      name: null,
      metadata: {},
    },
  ],
  [
    "o 1 5 100 initial - BRL/2 ",
    {
      type: "open",
      account: "1",
      time: 5,
      creditLimit: 100,
      id: "initial",
      content: null,
      unit: "BRL/2",
      name: null,
      metadata: {},
    },
  ],
  [
    'a 1 9 100 -40 0 7 9 BRL/2 open 3 key:k hash {"name":"n"}',
    { type: "change", time: 9, account: one, id: "key:k", content: "hash", name: "n", metadata: {} },
  ],
  [
    't 9 2 2 1 {x}:y 40 7 -40 1 40 @world 1 1 0 0 8 -39 1 100 -40 0 7 9 BRL/2 open 3 {x}:y 0 40 5 1 9 BRL/2 frozen 3 bat:0:k hash {"description":"a  b","reference":"r","metadata":{"k":"v"},"reverses":"t0-1-2-3"}',
    {
      type: "transaction",
      time: 9,
      postings: [posting, inward],
      accounts: [one, other],
      id: "bat:0:k",
      content: "hash",
      description: "a  b",
      reference: "r",
      metadata: { k: "v" },
      reverses: "t0-1-2-3",
    },
  ],
  [
    't 9 1 1 1 {x}:y 40 7 -40 0 0 1 100 -40 0 7 9 BRL/2 open 3 key:k hash {"across":{"attempt":"0-ab","shards":[2,1]}}',
    {
      type: "transaction",
      time: 9,
      postings: [{ ...posting, toSeq: 0, toBalance: 0 }],
      accounts: [one],
      id: "key:k",
      content: "hash",
      ...noDetails,
      reverses: null,
      across: { attempt: "0-ab", shards: [2, 1] },
    },
  ],
  [
    'p 9 h0-1-2-3 1 1 1 {x}:y 40 7 -40 0 0 1 100 -40 0 7 9 BRL/2 open 3 key:k hash {"across":{"attempt":"0-ab","shards":[1]}}',
    {
      type: "capture",
      time: 9,
      hold: "h0-1-2-3",
      postings: [{ ...posting, toSeq: 0, toBalance: 0 }],
      accounts: [one],
      id: "key:k",
      content: "hash",
      ...noDetails,
      across: { attempt: "0-ab", shards: [1] },
    },
  ],
  [
    'q 9 0-ab 1 1 1 {x}:y 40 0 0 0 0 {x}:y 0 40 5 1 9 BRL/2 frozen 3 0 40 1 shop/key:k {"reference":"r"}',
    {
      type: "part",
      time: 9,
      attempt: "0-ab",
      postings: [{ from: "1", to: "{x}:y", amount: 40, fromSeq: 0, fromBalance: 0, toSeq: 0, toBalance: 0 }],
      accounts: [other],
      sides: [{ outgoing: 0, incoming: 40, locks: 1 }],
      id: "shop/key:k",
      ...noDetails,
      reference: "r",
      reverses: null,
    },
  ],
  [
    'f 9 0-ab t0-7-0-5 5 h0-1-2-3 1 1 1 {x}:y 40 0 0 1 40 {x}:y 0 40 5 1 9 BRL/2 frozen 3 0 40 0 key:k {"reverses":"t0-1-2-3"}',
    {
      type: "finish",
      time: 9,
      attempt: "0-ab",
      transaction: "t0-7-0-5",
      decidedAt: 5,
      hold: "h0-1-2-3",
      postings: [{ ...posting, fromSeq: 0, fromBalance: 0 }],
      accounts: [other],
      sides: [{ outgoing: 0, incoming: 40, locks: 0 }],
      id: "key:k",
      ...noDetails,
      reverses: "t0-1-2-3",
    },
  ],
  [
    "f 9 0-ab t0-7-0-5 5 - 1 1 1 {x}:y 40 0 0 1 40 {x}:y 0 40 5 1 9 BRL/2 frozen 3 0 40 0 req:1 ",
    {
      type: "finish",
      time: 9,
      attempt: "0-ab",
      transaction: "t0-7-0-5",
      decidedAt: 5,
      hold: null,
      postings: [{ ...posting, fromSeq: 0, fromBalance: 0 }],
      accounts: [other],
      sides: [{ outgoing: 0, incoming: 40, locks: 0 }],
      id: "req:1",
      ...noDetails,
      reverses: null,
    },
  ],
  [
    "u 9 0-ab 0 2 1 100 -40 0 7 9 BRL/2 open 3 {x}:y 0 40 5 1 9 BRL/2 frozen 3 7 0 0 0 40 1",
    {
      type: "undo",
      time: 9,
      attempt: "0-ab",
      accounts: [one, other],
      sides: [
        { outgoing: 7, incoming: 0, locks: 0 },
        { outgoing: 0, incoming: 40, locks: 1 },
      ],
    },
  ],
  [
    "h 9 @world 5 99 {x}:y 0 40 5 1 9 BRL/2 frozen 3 req:1 - ",
    {
      type: "hold",
      time: 9,
      to: "@world",
      amount: 5,
      expiresAt: 99,
      account: other,
      id: "req:1",
      content: null,
      ...noDetails,
    },
  ],
  [
    'p 9 h0-1-2-3 1 1 1 {x}:y 40 7 -40 1 40 1 100 -40 0 7 9 BRL/2 open 3 req:1 - {"description":"d"}',
    {
      type: "capture",
      time: 9,
      hold: "h0-1-2-3",
      postings: [posting],
      accounts: [one],
      id: "req:1",
      content: null,
      ...noDetails,
      description: "d",
    },
  ],
  [
    "p 9 h0-1-2-3 0 1 1 100 -40 0 7 9 BRL/2 open 3 req:1 - ",
    {
      type: "capture",
      time: 9,
      hold: "h0-1-2-3",
      postings: [],
      accounts: [one],
      id: "req:1",
      content: null,
      ...noDetails,
    },
  ],
  [
    "r 9 h0-1-2-3 1 100 -40 0 7 9 BRL/2 open 3 key:k hash",
    { type: "release", time: 9, hold: "h0-1-2-3", account: one, id: "key:k", content: "hash" },
  ],
  ["e 9 h0-1-2-3 1 100 -40 0 7 9 BRL/2 open 3", { type: "expiry", time: 9, hold: "h0-1-2-3", account: one }],
  [
    "x 5 limit-exceeded/{x}:y/3 key:k hash",
    {
      type: "refusal",
      time: 5,
      refusal: { refusal: "limit-exceeded", account: "{x}:y", index: 3, other: null },
      id: "key:k",
      content: "hash",
    },
  ],
  [
    "x 5 hold-not-open///expired key:k hash",
    {
      type: "refusal",
      time: 5,
      refusal: { refusal: "hold-not-open", account: null, index: null, other: "expired" },
      id: "key:k",
      content: "hash",
    },
  ],
  ["m 5 7 9", { type: "missing", time: 5, from: 7, to: 9 }],
];

test.each(events)("%s", (text, event) => {
  expect(parseEvent(text)).toEqual(event);
  expect(formatEvent(event)).toBe(text);
  expect(timeOf(event)).toBe(
    text.startsWith("o") || text.startsWith("a") ? Number(text.split(" ")[2]) : Number(text.split(" ")[1]),
  );
});

test("an id of a command is behind the name of the access key that it came with", () => {
  for (const [text, event] of events) {
    const id = commandIdOf(event);
    if (id === null) continue;
    const at = text.lastIndexOf(` ${id} `) + 1;
    for (const name of ["s", "key", "req", "1-shop-", "s".repeat(32)]) {
      const named = `${text.slice(0, at)}${name}/${text.slice(at)}`;
      expect({ ...parseEvent(named), id }).toEqual({ ...event, id });
      expect(formatEvent(parseEvent(named))).toBe(named);
      expect(commandIdOf(parseEvent(named))).toBe(id);
    }
  }
  const entry = parseEvent("c 1 1 1 1 1 100 shop/key:a/b c/d");
  expect(entry).toMatchObject({ entry: { id: "shop/key:a/b", description: "c/d" } });
  expect(commandIdOf(entry)).toBe("key:a/b");
});

test("no event is one without its last field, or with a field too many in its middle", () => {
  for (const [text] of events.filter(([each]) => !each.endsWith(" ") && !each.endsWith("}"))) {
    const fields = text.split(" ");
    expect(() => parseEvent(fields.slice(0, -1).join(" "))).toThrow("not an event");
  }
  for (const [text] of events.filter(([each]) => /^[taph]/.test(each)))
    expect(() => parseEvent(text.replace(" BRL/2 ", " BRL/2 BRL/2 "))).toThrow("not an event");
});

test.each([
  "",
  "x 5 because key:k hash",
  "x 5 limit-exceeded k hash",
  "m 5 7",
  "m 5 7 ",
  "m 5 7 9 ",
  "m 5 7 x",
  "x 1 2 3",
  "d 1 7 1 600 -1000 1000 req:a",
  "d 1 7 1 600 1e+16x -1000 req:a d",
  "c 1 1.5 1 1 1 1 req:a d",
  "c 1 1 1 1 1 1 id d",
  "c 1 1 1 1 1 1 initial d",
  "c 1 1 1 1 1 1 shop/initial d",
  "c 1 1 1 1 1 1 /key:a d",
  "c 1 1 1 1 1 1 -shop/key:a d",
  "c 1 1 1 1 1 1 Shop/key:a d",
  "c 1 1 1 1 1 1 shop/till/key:a d",
  "c 1 1 1 1 1 1 shop/key: d",
  `c 1 1 1 1 1 1 ${"s".repeat(33)}/key:a d`,
  "c 1 9007199254740993 1 1 1 1 req:a d",
  "o 6 5 100 req:1 -",
  "o 6 5 100 req:1 - BRL/2",
  "o 6 5 100 req:1 - brl/2 ",
  "o 6 5 100 req:1 - BRL/222 ",
  "o 6 5 100 req:1 - BRL/2 name",
  "o 6 5 100 req:1 - BRL/2 []",
  "e 9 h0-1-2-3 1 100 -40 0 7 9 BRL/2 ended 3",
  "t 9 1 0 @outside 1 1 0 0 8 -39 req:1 - ",
  "l 6 3 5 -40 100 key:x",
])("%j is no event", (text) => {
  expect(() => parseEvent(text)).toThrow("not an event");
});

test.each(["", ".", "..", "+1", "é", "a/b", "a\n", "a".repeat(65), "@world"])(
  "with the account id %j a text is no event",
  (id) => {
    for (const [letter, rest] of [
      ["c", "1 1 1 1 1 req:a d"],
      ["o", "5 100 req:1 - BRL/2 "],
      ["a", "9 100 -40 0 7 9 BRL/2 open 3 key:k hash "],
    ] as const) {
      expect(parseEvent(`${letter} 6 ${rest}`)).toBeDefined();
      expect(() => parseEvent(`${letter} ${id} ${rest}`)).toThrow("not an event");
    }
  },
);
