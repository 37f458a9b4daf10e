import { expect, test } from "bun:test";
import { Random } from "../plan/random.ts";
import { tortureBounds } from "../torture-bounds.ts";
import { ClientKeys } from "./client-keys.ts";
import type { Answer } from "./history.ts";

const KEYS = ["one", "two", "three"].map((name) => ({ name, token: `rz_${name}` }));
const REFUSED = { type: "answered", status: 401, head: "", body: "" } as const;
const TAKEN = { ...REFUSED, status: 200 };
const SAID: Answer = { type: "odd", reason: "as it is" };
const KNOWN = tortureBounds.key_known_milliseconds_max;

test("requests come with every key that counts, and seldom with the revoked one", () => {
  const keys = new ClientKeys(new Random(1), KEYS);
  const names = (from: number): string[] =>
    Array.from({ length: 100 }, (_, index) => keys.next(from + index).name);
  expect(new Set(names(0))).toEqual(new Set(["one", "two", "three"]));
  expect(keys.isRevoked()).toBe(KEYS[0] ?? { name: "", token: "" });
  keys.add({ name: "four", token: "rz_four" });
  expect(new Set(names(1_000))).toEqual(new Set(["one", "two", "three", "four"]));
  expect(names(1_100)).not.toContain("one");
  const later = 1_000 + tortureBounds.revoked_key_milliseconds;
  expect(names(later).filter((name) => name === "one")).toHaveLength(1);
});

test("a revoked key has to be refused once that counts everywhere; until then what became of its request is open", () => {
  const keys = new ClientKeys(new Random(1), KEYS);
  const [valid] = KEYS.slice(1);
  const revoked = keys.isRevoked();
  if (valid === undefined) throw new Error("no key");
  const answer = (sentAt: number, outcome: typeof TAKEN | typeof REFUSED, said: Answer = SAID) =>
    keys.answerTo(revoked, sentAt, outcome, said);
  for (const revokedAt of [Infinity, 1_000]) {
    if (revokedAt !== Infinity) keys.wasRevoked(revokedAt);
    expect(answer(1_000 + KNOWN, REFUSED).type).toBe("unknown");
    expect(answer(1_000 + KNOWN, TAKEN)).toBe(SAID);
    // Of a key that counts a 401 is what it looks like.
    expect(keys.answerTo(valid, 1_000_000, REFUSED, SAID)).toBe(SAID);
  }
  const after = 1_001 + KNOWN;
  expect(answer(after, REFUSED)).toEqual({ type: "not-done" });
  expect(answer(after, TAKEN, { type: "dry-run", accounts: [] })).toEqual({
    type: "odd",
    reason: "the access key one was taken 5.0 s after it was revoked",
  });
  expect(answer(after, TAKEN, { type: "not-done" })).toEqual({ type: "not-done" });
});
