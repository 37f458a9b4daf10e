import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import * as fc from "fast-check";
import { z } from "zod";
import compiled from "../../src/decide/rules.lua" with { type: "text" };
import type { EntryKind } from "../../src/ledger/entry.ts";
import { type Refusal, REFUSALS } from "../../src/ledger/refusal.ts";
import {
  type AccountRow,
  changeLimit,
  MONEY_CENTS_MAX,
  openAccount,
  transact,
} from "../../src/ledger/rules.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { describeWithRedis, RedisStand } from "../support/redis-under-test.ts";

/** rules.lua is what rules.ts compiles to, has the form that costs little, and decides the same inside Redis. */

failOnLeaks();

const ROOT = join(import.meta.dir, "../..");
/** The first compilation on a machine installs the compiler. */
const COMPILE_MILLISECONDS_MAX = 120_000;

test(
  "rules.lua is what rules.ts compiles to",
  () => {
    const { exitCode, stderr } = Bun.spawnSync(["npm", "run", "--silent", "compile-rules", "--", "--check"], {
      cwd: ROOT,
    });
    if (exitCode !== 0) throw new Error(stderr.toString());
  },
  COMPILE_MILLISECONDS_MAX,
);

describe("the compiled rules use only what means the same in both languages, and costs no object", () => {
  const KEYWORDS = "and else elseif end false function if local nil not or return then true".split(" ");
  /** None that makes a text of a number (..), leaves the integers (/ ^), or differs in its signs (%). */
  const SYMBOLS = "= == ~= < <= > >= + - ( ) , .".split(" ");
  /** Opening an account is rare, and has to make its row. */
  const MAKES_A_TABLE = ["openAccount"];

  const code = compiled.replaceAll(/^--.*\n/gm, "");
  const functions = new Map(
    [...code.matchAll(/^function ____exports\.(\w+)\([^]*?^end$/gm)].map(([text, name = ""]) => [name, text]),
  );
  const rest = [...functions.values()].reduce((text, one) => text.replace(one, ""), code);
  const tokensOf = (text: string): string[] =>
    text.match(/"[^"\\]*"|\w+|\.\.+|[=~<>]=|[^\s\w]/g)?.map(String) ?? [];

  test("each rule is one function", () => {
    expect([...functions.keys()]).toEqual(["openAccount", "transact", "changeLimit"]);
    expect(rest.trim().split(/\n+/)).toEqual([
      "local ____exports = {}",
      `____exports.MONEY_CENTS_MAX = ${MONEY_CENTS_MAX}`,
      "return ____exports",
    ]);
  });

  for (const [name, text] of functions) {
    test(name, () => {
      const parameters = /\(([^)]*)\)/.exec(text)?.[1]?.split(", ") ?? [];
      const locals = [...text.matchAll(/\blocal (\w+)/g)].map((match) => String(match[1]));
      const known = new Set([...KEYWORDS, ...parameters, ...locals, "____exports"]);
      const symbols = new Set([...SYMBOLS, ...(MAKES_A_TABLE.includes(name) ? ["{", "}"] : [])]);
      const tokens = tokensOf(text);
      const isField = (index: number): boolean =>
        tokens[index - 1] === "." || (/^[{,]$/.test(tokens[index - 1] ?? "") && tokens[index + 1] === "=");
      const strange = tokens.filter((token, index) => {
        if (/^"|^\d+$/.test(token)) return false;
        return /^\w/.test(token) ? !known.has(token) && !isField(index) : !symbols.has(token);
      });
      expect(strange).toEqual([]);
      expect([...text.matchAll(/(\w+)\.\w+\(/g)].filter((match) => match[1] !== "____exports")).toEqual([]);
    });
  }
});

/** Runs the commands on the row, and returns after each why it was refused ("" if it was not) and the whole row. */
const RUN_IN_REDIS = `
local rules = (function()
${compiled}end)()
local row = {
  creditLimit = tonumber(ARGV[1]), balance = tonumber(ARGV[2]), held = tonumber(ARGV[3]),
  seq = tonumber(ARGV[4]), time = tonumber(ARGV[5]),
}
local reply = {}
for at = 6, #ARGV, 3 do
  local what, amount, now = ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local refusal
  if what == 'open' then
    row = rules.openAccount(amount, now)
  elseif what == 'limit' then
    refusal = rules.changeLimit(row, amount)
  else
    refusal = rules.transact(row, what, amount, now)
  end
  reply[#reply + 1] = {
    refusal or '', ('%d'):format(row.creditLimit), ('%d'):format(row.balance), ('%d'):format(row.held),
    ('%d'):format(row.seq), ('%d'):format(row.time),
  }
end
return reply`;

const replyOfRun = z.array(z.array(z.string()));

/** These are not given by a rule: only the caller knows of them. */
const CALLERS_REFUSALS: readonly Refusal[] = ["key-reused", "account-unknown"];

type What = EntryKind | "limit" | "open";
/** Cents; or so many cents off the edge, where one more would be refused. */
type Amount = { readonly cents: number } | { readonly offEdge: number };

const MAX = MONEY_CENTS_MAX;
const cents = fc.oneof(
  fc.integer({ min: 0, max: 200_000 }),
  fc.maxSafeNat(),
  fc.constantFrom(1, MAX - 1, MAX),
);
const rows: fc.Arbitrary<AccountRow> = fc.record({
  creditLimit: cents,
  balance: fc.tuple(cents, fc.boolean()).map(([amount, isOwed]) => (isOwed ? -amount : amount)),
  held: fc.oneof(fc.constant(0), cents),
  seq: fc.nat(),
  time: fc.integer({ min: 0, max: 2 ** 52 }),
});
const commands = fc.array(
  fc.record({
    what: fc.constantFrom<What>("credit", "debit", "credit", "debit", "limit", "open"),
    amount: fc.oneof<fc.Arbitrary<Amount>[]>(
      fc.record({ cents }),
      fc.record({ offEdge: fc.integer({ min: -1, max: 1 }) }),
    ),
    /** How far the clock is from the row's time. */
    clock: fc.oneof(fc.integer({ min: -2, max: 2 }), fc.integer({ min: -1_000_000, max: 2 ** 40 })),
  }),
  { minLength: 1, maxLength: 60 },
);

describeWithRedis("the compiled rules, in Redis", () => {
  let stand: RedisStand;
  beforeAll(async () => {
    stand = await RedisStand.start();
  });
  afterAll(() => stand[Symbol.asyncDispose]());

  test("refuse and change the same as the original ones, command by command", async () => {
    const outcomes = new Set<string>();
    await fc.assert(
      fc.asyncProperty(rows, commands, async (start, drafts) => {
        const args = textsOf(start);
        const expected: string[][] = [];
        let row = { ...start };
        for (const { what, amount, clock } of drafts) {
          const value = "cents" in amount ? amount.cents : edgeOf(what, row) + amount.offEdge;
          const asked = Math.min(Math.max(value, what === "limit" || what === "open" ? 0 : 1), MAX);
          const now = Math.max(row.time + clock, 0);
          args.push(what, String(asked), String(now));
          let refusal: string | null = null;
          if (what === "open") row = openAccount(asked, now);
          else if (what === "limit") refusal = changeLimit(row, asked);
          else refusal = transact(row, what, asked, now);
          outcomes.add(refusal ?? "accepted");
          expected.push([refusal ?? "", ...textsOf(row)]);
        }
        expect(replyOfRun.parse(await stand.command(["EVAL", RUN_IN_REDIS, "0", ...args]))).toEqual(expected);
      }),
      { numRuns: 1_000 },
    );
    expect([...outcomes].toSorted()).toEqual(
      ["accepted", ...REFUSALS.filter((refusal) => !CALLERS_REFUSALS.includes(refusal))].toSorted(),
    );
  }, 60_000);
});

function textsOf({ creditLimit, balance, held, seq, time }: AccountRow): string[] {
  return [creditLimit, balance, held, seq, time].map(String);
}

/** The greatest amount that is accepted, of a limit the smallest. */
function edgeOf(what: What, { creditLimit, balance, held }: AccountRow): number {
  switch (what) {
    case "credit":
      return MAX - balance;
    case "debit":
      return balance + creditLimit - held;
    case "limit":
    case "open":
      return held - balance;
  }
}
