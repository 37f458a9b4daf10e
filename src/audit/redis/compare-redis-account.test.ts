import { expect, test } from "bun:test";
import { standingText, type ExpectedAccount } from "../expected-accounts.ts";
import { Findings } from "../findings.ts";
import { compareAccount, parseFound } from "./compare-redis-account.ts";

const OPENED = 1_700_000_000_000_000;
const details = "{}";
const opening = "0123456789abcdef";

/** What is found where Redis shows one limit, books and outbox have another, and these limits were in force meanwhile. */
function findingsOf(limits: { redis: number; books: number; meanwhile: readonly number[] }): string[] {
  const standing = (creditLimit: number): string =>
    standingText({ state: "open", creditLimit, held: 0, opening, details, inTransit: "" });
  const expected: ExpectedAccount = {
    seq: 0,
    balance: 0n,
    limit: BigInt(limits.books),
    unit: "BRL/2",
    standing: standing(limits.books),
    opening,
    details,
    openedAt: BigInt(OPENED),
    entries: new Map(),
  };
  const findings = new Findings();
  const row = Buffer.from(`${limits.redis} 0 0 0 ${OPENED} BRL/2 open ${OPENED}`);
  const found = parseFound("a", { row, details: `${opening} ${details}`, statement: [] });
  const stood = limits.meanwhile.map(standing);
  compareAccount(
    { account: "a", keptSeq: 0, stoodSo: (one) => stood.includes(one), found },
    expected,
    findings,
  );
  return findings.listed.map(({ detail }) => detail);
}

test("a limit that was changed after Redis was read, and before the books were, is right", () => {
  expect(findingsOf({ redis: 500, books: 600, meanwhile: [500, 600] })).toEqual([]);
});

test("a limit that Redis has, and the account had at no time since, is wrong", () => {
  const detail = "Redis has the limit 500, books and outbox have 600";
  expect(findingsOf({ redis: 500, books: 600, meanwhile: [600] })).toEqual([detail]);
});
