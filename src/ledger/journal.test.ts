import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { formatHeads, journalHash, NO_HASH, parseHeads } from "./journal.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

const FIRST = { shard: 0, g: 0, time: 5, events: ["o 1 5 100000 initial BRL/2 "], previous: NO_HASH };

test("the hash is the SHA-256 of the form that docs/journal.md describes", () => {
  const events = ["c 1 1 6 10 10 100000 req:a é😀", "d 1 2 7 3 7 100000 req:b \n"];
  const row = { shard: 258, g: 2 ** 40 + 1, time: 2 ** 50 + 3, events, previous: journalHash(FIRST) };
  const bytes: number[] = [
    ...row.previous,
    0,
    0,
    1,
    2,
    0,
    0,
    1,
    0,
    0,
    0,
    0,
    1,
    0,
    4,
    0,
    0,
    0,
    0,
    0,
    3,
    0,
    0,
    0,
    2,
  ];
  for (const event of events) {
    const text = [...new TextEncoder().encode(event)];
    bytes.push(0, 0, 0, text.length, ...text);
  }
  expect(hex(journalHash(row))).toBe(createHash("sha256").update(Buffer.from(bytes)).digest("hex"));
});

test("the example in docs/journal.md is right", () => {
  const text = readFileSync(join(import.meta.dirname, "../../docs/journal.md"), "utf8");
  const first = journalHash(FIRST);
  const events = [
    "c 1 1 6 10 10 100000 req:a tea",
    'x 7 limit-exceeded key:k ["transact","1","debit",999999,"x"]',
  ];
  const second = journalHash({ shard: 0, g: 1, time: 7, events, previous: first });
  for (const what of [...FIRST.events, ...events, hex(first), hex(second)]) expect(text).toContain(what);
});

test("every part of a row is in its hash, and where one event ends and the next begins", () => {
  const row = { shard: 0, g: 1, time: 7, events: ["ab", "c"], previous: NO_HASH };
  const others = [
    { ...row, shard: 1 },
    { ...row, g: 2 },
    { ...row, time: 8 },
    { ...row, events: ["a", "bc"] },
    { ...row, events: ["abc"] },
    { ...row, events: ["ab", "c", ""] },
    { ...row, events: ["c", "ab"] },
    { ...row, previous: new Uint8Array(32).fill(1) },
  ];
  expect(new Set([row, ...others].map((one) => hex(journalHash(one)))).size).toBe(others.length + 1);
});

test("heads are read as they are written, and nothing else is", () => {
  const heads = [
    { shard: 0, g: 12, hash: journalHash(FIRST) },
    { shard: 1, g: 0, hash: NO_HASH },
  ];
  const text = formatHeads(heads);
  expect(parseHeads(text)?.map((head) => ({ ...head, hash: hex(head.hash) }))).toEqual(
    heads.map((head) => ({ ...head, hash: hex(head.hash) })),
  );
  for (const wrong of ["", "0:1", text.slice(1), `${text},`, text.toUpperCase().replace("A", "G"), "x:1:00"])
    expect(parseHeads(wrong)).toBe(null);
});
