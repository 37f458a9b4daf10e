import { expect, test } from "bun:test";
import { formatEvent, parseEvent, timeOf } from "./event.ts";

test("an entry's description is the rest of the text, whatever is in it", () => {
  for (const description of ["x", "a b  c", "\n", "|'\"", " ", "😀 "]) {
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

test("an opened account has a unit, and a name or none", () => {
  const opened = {
    type: "open",
    account: "{x}:y",
    time: 5,
    creditLimit: 100,
    id: "req:1",
    unit: "BRL/2",
  } as const;
  for (const [text, event] of [
    ["o {x}:y 5 100 req:1 BRL/2 Padaria Joia", { ...opened, name: "Padaria Joia" }],
    ["o {x}:y 5 100 req:1 BRL/2  ", { ...opened, name: " " }],
    ["o {x}:y 5 100 req:1 BRL/2 ", { ...opened, name: null }],
    ["o {x}:y 5 100 req:1 PONTOS ", { ...opened, unit: "PONTOS", name: null }],
    ["o {x}:y 5 100 initial BRL/2 ", { ...opened, id: "initial", name: null }],
    ["o key:a 5 100 key:a A key:a", { ...opened, account: "key:a", id: "key:a", unit: "A", name: "key:a" }],
  ] as const) {
    expect(parseEvent(text)).toEqual(event);
    expect(formatEvent(event)).toBe(text);
  }
});

test("a changed limit", () => {
  expect(parseEvent("l 6 3 5 -40 100 key:x")).toEqual({
    type: "limit",
    account: "6",
    seq: 3,
    time: 5,
    balance: -40,
    creditLimit: 100,
    id: "key:x",
  });
});

test("a refusal under a client's key, with what it was asked for", () => {
  const text = 'x 5 limit-exceeded key:k ["transact","1","debit",9,"a b"]';
  const event = parseEvent(text);
  expect(event).toEqual({
    type: "refusal",
    time: 5,
    refusal: "limit-exceeded",
    id: "key:k",
    content: '["transact","1","debit",9,"a b"]',
  });
  expect([formatEvent(event), timeOf(event)]).toEqual([text, 5]);
});

test("batches that nothing holds any more", () => {
  const event = parseEvent("m 5 7 9");
  expect(event).toEqual({ type: "missing", time: 5, from: 7, to: 9 });
  expect([formatEvent(event), timeOf(event)]).toEqual(["m 5 7 9", 5]);
});

test.each([
  "",
  "x 5 because key:k []",
  "x 5 limit-exceeded k []",
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
  "c 1 9007199254740993 1 1 1 1 req:a d",
  "l 6 3 5 -40 100 ",
  "o 6 5 100 req:1",
  "o 6 5 100 req:1 BRL/2",
  "o 6 5 100 req:1  name",
  "o 6 5 100 req:1 brl/2 name",
  "o 6 5 100 req:1 BRL/222 name",
])("%j is no event", (text) => {
  expect(() => parseEvent(text)).toThrow("not an event");
});

test.each(["", ".", "..", "+1", "é", "a/b", "a\n", "a".repeat(65)])(
  "with the account id %j a text is no event",
  (id) => {
    for (const rest of ["1 1 1 1 1 req:a d", "5 100 req:1 BRL/2 name", "3 5 -40 100 req:x"]) {
      const letter = rest.endsWith(" d") ? "c" : rest.endsWith("name") ? "o" : "l";
      expect(parseEvent(`${letter} 6 ${rest}`)).toBeDefined();
      expect(() => parseEvent(`${letter} ${id} ${rest}`)).toThrow("not an event");
    }
  },
);
