import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import * as fc from "fast-check";
import { z } from "zod";
import compiled from "../../src/decide/rules.lua" with { type: "text" };
import compiledTransit from "../../src/decide/transit-rules.lua" with { type: "text" };
import type { EntryKind } from "../../src/ledger/entry.ts";
import { type Refusal, REFUSALS } from "../../src/ledger/refusal.ts";
import {
  type AccountRow,
  applyTransaction,
  capture,
  changeAccount,
  endHold,
  hold,
  MONEY_CENTS_MAX,
  openAccount,
  transact,
  type TransactionRow,
  undoTransaction,
} from "../../src/ledger/rules.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { describeWithRedis, RedisStand } from "../support/redis-under-test.ts";

/**
 * rules.lua and transit-rules.lua are what the rules compile to, have the form that costs little, and those of rules.lua
 * decide the same inside Redis; tests/transits/ shows it of the others.
 */

failOnLeaks();

const ROOT = join(import.meta.dir, "../..");
/** The first compilation on a machine installs the compiler. */
const COMPILE_MILLISECONDS_MAX = 120_000;

test(
  "both are what the rules compile to",
  () => {
    const { exitCode, stderr } = Bun.spawnSync(["npm", "run", "--silent", "compile-rules", "--", "--check"], {
      cwd: ROOT,
    });
    if (exitCode !== 0) throw new Error(stderr.toString());
  },
  COMPILE_MILLISECONDS_MAX,
);

describe("the compiled rules use only what means the same in both languages, and costs no object", () => {
  const KEYWORDS = "and do else elseif end false function if local nil not or return then true while".split(
    " ",
  );
  /** None that makes a text of a number (..), leaves the integers (/ ^), or differs in its signs (%). */
  const SYMBOLS = "= == ~= < <= > >= + - ( ) , . #".split(" ");
  /** Opening an account is rare, and has to make its row. */
  const MAKES_A_TABLE = ["openAccount"];
  /** `before`: what is declared ahead of the functions. */
  const MODULES = {
    rules: {
      compiled,
      exported:
        "openAccount availableOf debit credit transact undoTransaction checkTransaction moveFirst applyTransaction hold endHold capture changeAccount".split(
          " ",
        ),
      own: "undoDebit checkSides isMet move undoCredit".split(" "),
      imported: [],
      before: ["local undoDebit", `____exports.MONEY_CENTS_MAX = ${MONEY_CENTS_MAX}`],
    },
    "transit-rules": {
      compiled: compiledTransit,
      exported: "applyAcross captureAcross preparePart undoPart finishPart leaveParts".split(" "),
      own: "measureSide addSide removeSide".split(" "),
      imported: "applyTransaction checkTransaction MONEY_CENTS_MAX moveFirst undoTransaction".split(" "),
      before: ["local addSide, removeSide", 'local ____rules_2Ets = require("ledger.rules")'],
    },
  };

  const tokensOf = (text: string): string[] =>
    text.match(/"[^"\\]*"|\w+|\.\.+|[=~<>]=|[^\s\w]/g)?.map(String) ?? [];

  for (const [module, { compiled: text, exported, own, imported, before }] of Object.entries(MODULES)) {
    const code = text.replaceAll(/^--.*\n/gm, "");
    const functions = new Map(
      [...code.matchAll(/^(?:local )?function (?:____exports\.)?(\w+)\([^]*?^end$/gm)].map(
        ([one, name = ""]) => [name, one],
      ),
    );
    const rest = [...functions.values()].reduce((left, one) => left.replace(one, ""), code);

    test(`${module}: each rule is one function`, () => {
      expect([...functions.keys()].toSorted()).toEqual([...exported, ...own].toSorted());
      expect(rest.trim().split(/\n+/)).toEqual([
        "local ____exports = {}",
        ...before,
        ...imported.map((name) => `local ${name} = ____rules_2Ets.${name}`),
        "return ____exports",
      ]);
    });

    for (const [name, one] of functions) {
      test(`${module}: ${name}`, () => {
        const parameters = /\(([^)]*)\)/.exec(one)?.[1]?.split(", ") ?? [];
        const locals = [...one.matchAll(/\blocal (\w+)/g)].map((match) => String(match[1]));
        const known = new Set([...KEYWORDS, ...own, ...imported, ...parameters, ...locals, "____exports"]);
        const symbols = new Set([...SYMBOLS, ...(MAKES_A_TABLE.includes(name) ? ["{", "}"] : [])]);
        // A list is read at an index that counts from 0 in one language and from 1 in the other.
        const tokens = tokensOf(one.replaceAll("[index + 1]", ""));
        const isField = (index: number): boolean =>
          tokens[index - 1] === "." || (/^[{,]$/.test(tokens[index - 1] ?? "") && tokens[index + 1] === "=");
        const strange = tokens.filter((token, index) => {
          if (/^"|^\d+$/.test(token)) return false;
          return /^\w/.test(token) ? !known.has(token) && !isField(index) : !symbols.has(token);
        });
        expect(strange).toEqual([]);
        expect([...one.matchAll(/(\w+)\.\w+\(/g)].filter((match) => match[1] !== "____exports")).toEqual([]);
      });
    }
  }
});

/** Two accounts, the outside, and whatever is done to them. Returns after each command the refusal and all rows. */
const RUN_IN_REDIS = `
local rules = (function()
${compiled}end)()
local state = cjson.decode(ARGV[1])
local rows = state.rows
local world = { creditLimit = 0, balance = 0, held = 0, seq = 0, time = 0, unit = '', state = 'open' }
local function row_at(index)
  if index == -1 then return world end
  return rows[index + 1] or false
end
local function transaction_of(command)
  local made = { postings = {}, conditions = {}, refusedAt = 0 }
  for index, posting in ipairs(command.postings) do
    made.postings[index] = {
      from = row_at(posting[1]), to = row_at(posting[2]), amount = posting[3], fromSeq = 0, fromBalance = 0, toSeq = 0,
      toBalance = 0, fromTime = 0, toTime = 0,
    }
  end
  for index, condition in ipairs(command.conditions) do
    made.conditions[index] = {
      account = row_at(condition[1]), what = condition[2], least = condition[3], most = condition[4],
    }
  end
  return made
end
local reply = {}
local function say(refusal, transaction)
  local line = { refusal or '' }
  for _, row in ipairs(rows) do
    line[#line + 1] = ('%d %d %d %d %d %s %s'):format(row.creditLimit, row.balance, row.held, row.seq, row.time,
      row.unit, row.state)
  end
  if transaction then
    line[#line + 1] = ('%d'):format(transaction.refusedAt)
    for _, posting in ipairs(refusal and {} or transaction.postings) do
      line[#line + 1] = ('%d %d %d %d'):format(posting.fromSeq, posting.fromBalance, posting.toSeq, posting.toBalance)
    end
  end
  reply[#reply + 1] = line
end
for _, command in ipairs(state.commands) do
  local what, row, amount, now = command.what, rows[command.row + 1], command.amount, command.now
  if what == 'credit' or what == 'debit' then
    say(rules.transact(row, what, amount, now))
  elseif what == 'open' then
    rows[command.row + 1] = rules.openAccount(amount, row.unit, now)
    say()
  elseif what == 'change' then
    say(rules.changeAccount(row, amount, command.state))
  elseif what == 'hold' then
    say(rules.hold(row, amount))
  elseif what == 'endHold' then
    rules.endHold(row, command.part)
    say()
  elseif what == 'undo' then
    local transaction = transaction_of(command)
    local refusal = rules.applyTransaction(transaction, false, now)
    if not refusal then rules.undoTransaction(transaction, #transaction.postings) end
    say(refusal, transaction)
  else
    local transaction = transaction_of(command)
    local refusal
    if what == 'capture' then
      refusal = rules.capture(row, command.part, transaction, now)
    else
      refusal = rules.applyTransaction(transaction, false, now)
    end
    say(refusal, transaction)
  end
end
return reply`;

const replyOfRun = z.array(z.array(z.string()));

/** These are not given by a rule: only the caller knows of them. */
const CALLERS_REFUSALS: readonly Refusal[] = [
  "key-reused",
  "account-exists",
  "transaction-unknown",
  "hold-unknown",
  "not-reversible",
  "already-reversed",
  "hold-not-open",
  "metadata-too-large",
  "shards-apart",
];

type What = EntryKind | "open" | "change" | "hold" | "endHold" | "transaction" | "capture" | "undo";
/** An amount; or so much off the edge, where one more would be refused. */
type Amount = { readonly amount: number } | { readonly offEdge: number };
const WORLD_ROW = -1;

const MAX = MONEY_CENTS_MAX;
const amounts = fc.oneof(
  fc.integer({ min: 0, max: 200_000 }),
  fc.maxSafeNat(),
  fc.constantFrom(1, MAX - 1, MAX),
);
/** Mostly open, so that other refusals come to their right. */
const states = fc.constantFrom<AccountRow["state"]>("open", "open", "open", "open", "frozen", "closed");
const row: fc.Arbitrary<AccountRow> = fc.record({
  creditLimit: amounts,
  balance: fc.tuple(amounts, fc.boolean()).map(([amount, isOwed]) => (isOwed ? -amount : amount)),
  held: fc.oneof(fc.constant(0), amounts),
  seq: fc.nat(),
  time: fc.integer({ min: 0, max: 2 ** 52 }),
  unit: fc.constantFrom("BRL/2", "BRL/2", "BRL/2", "USD/2"),
  state: states,
});
const ROWS = 3;
const rowIndex = fc.integer({ min: 0, max: ROWS - 1 });
/** A row, the outside, or none. */
const side = fc.oneof(
  { weight: 8, arbitrary: rowIndex },
  { weight: 3, arbitrary: fc.constantFrom(WORLD_ROW, ROWS) },
);
const amount = fc.oneof<fc.Arbitrary<Amount>[]>(
  fc.record({ amount: amounts }),
  fc.record({ offEdge: fc.integer({ min: -1, max: 1 }) }),
);
const drafts = fc.array(
  fc.record({
    what: fc.constantFrom<What>(
      "credit",
      "debit",
      "open",
      "change",
      "hold",
      "endHold",
      "transaction",
      "transaction",
      "transaction",
      "capture",
      "undo",
    ),
    row: rowIndex,
    amount,
    postings: fc.array(fc.tuple(side, side, amount), { minLength: 1, maxLength: 5 }),
    conditions: fc.array(
      fc.tuple(
        fc.oneof(rowIndex, fc.constant(ROWS)),
        fc.constantFrom("balance" as const, "available" as const, "seq" as const),
        fc.oneof(fc.constant(-(2 ** 53)), fc.maxSafeInteger()),
        fc.oneof(fc.constant(2 ** 53), fc.maxSafeInteger()),
      ),
      { maxLength: 2 },
    ),
    state: states,
    /** How far the clock is from the row's time. */
    clock: fc.oneof(fc.integer({ min: -2, max: 2 }), fc.integer({ min: -1_000_000, max: 2 ** 40 })),
  }),
  { minLength: 1, maxLength: 40 },
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
      fc.asyncProperty(fc.array(row, { minLength: ROWS, maxLength: ROWS }), drafts, async (start, given) => {
        const rows = start.map((each) => ({ ...each }));
        const commands: object[] = [];
        const expected: string[][] = [];
        for (const draft of given) {
          const command = commandOf(draft, rows);
          commands.push(command);
          const line = run(command, rows);
          outcomes.add(line[0] ?? "");
          expected.push(line);
        }
        const state = JSON.stringify({ rows: start, commands });
        expect(replyOfRun.parse(await stand.command(["EVAL", RUN_IN_REDIS, "0", state]))).toEqual(expected);
      }),
      { numRuns: 1_000 },
    );
    expect([...outcomes].toSorted()).toEqual(
      ["", ...REFUSALS.filter((refusal) => !CALLERS_REFUSALS.includes(refusal))].toSorted(),
    );
  }, 120_000);
});

type Draft = typeof drafts extends fc.Arbitrary<(infer One)[]> ? One : never;
type RuleCommand = ReturnType<typeof commandOf>;

/** Makes numbers of amounts that are off the edge. */
function commandOf(draft: Draft, rows: readonly AccountRow[]) {
  const of = rows[draft.row];
  if (of === undefined) throw new Error("there is no such row");
  const least = draft.what === "open" || draft.what === "change" ? 0 : 1;
  return {
    what: draft.what,
    row: draft.row,
    amount: within(draft.amount, edgeOf(draft.what, of), least),
    /** Of what is held: so much that it stays what holds may be. */
    part: Math.min(of.held, within(draft.amount, of.held, 0)),
    postings: draft.postings.map(([from, to, value]) => {
      const payer = rows[from];
      return [from, to, within(value, payer === undefined ? MAX : edgeOf("debit", payer), 1)] as const;
    }),
    conditions: draft.conditions,
    state: draft.state,
    now: Math.max(of.time + draft.clock, 0),
  };
}

function within(given: Amount, edge: number, least: number): number {
  const wanted = "amount" in given ? given.amount : edge + given.offEdge;
  return Math.min(Math.max(wanted, least), MAX);
}

/** The greatest amount that is accepted, of a limit the smallest. */
function edgeOf(what: What, { creditLimit, balance, held }: AccountRow): number {
  if (what === "credit") return MAX - balance;
  return what === "open" || what === "change" ? held - balance : balance - held + creditLimit;
}

function run(command: RuleCommand, rows: AccountRow[]): string[] {
  const of = rows[command.row];
  if (of === undefined) throw new Error("there is no such row");
  const say = (refusal: Refusal | null, transaction?: TransactionRow): string[] => [
    refusal ?? "",
    ...rows.map(({ creditLimit, balance, held, seq, time, unit, state }) =>
      [creditLimit, balance, held, seq, time, unit, state].join(" "),
    ),
    ...(transaction === undefined
      ? []
      : [
          String(transaction.refusedAt),
          ...(refusal === null ? transaction.postings : []).map(
            ({ fromSeq, fromBalance, toSeq, toBalance }) =>
              [fromSeq, fromBalance, toSeq, toBalance].join(" "),
          ),
        ]),
  ];
  const { what, amount: value, now } = command;
  switch (what) {
    case "credit":
    case "debit":
      return say(transact(of, what, value, now));
    case "open":
      rows[command.row] = openAccount(value, of.unit, now);
      return say(null);
    case "change":
      return say(changeAccount(of, value, command.state));
    case "hold":
      return say(hold(of, value));
    case "endHold":
      endHold(of, command.part);
      return say(null);
    case "transaction":
    case "capture":
    case "undo": {
      const transaction = transactionOf(command, rows);
      const refusal =
        what === "capture"
          ? capture(of, command.part, transaction, now)
          : applyTransaction(transaction, false, now);
      if (what === "undo" && refusal === null) undoTransaction(transaction, transaction.postings.length);
      return say(refusal, transaction);
    }
  }
}

function transactionOf({ postings, conditions }: RuleCommand, rows: readonly AccountRow[]): TransactionRow {
  const world: AccountRow = { creditLimit: 0, balance: 0, held: 0, seq: 0, time: 0, unit: "", state: "open" };
  const at = (index: number): AccountRow | false => (index === WORLD_ROW ? world : (rows[index] ?? false));
  const after = { fromSeq: 0, fromBalance: 0, toSeq: 0, toBalance: 0, fromTime: 0, toTime: 0 };
  return {
    postings: postings.map(([from, to, value]) => ({ from: at(from), to: at(to), amount: value, ...after })),
    conditions: conditions.map(([index, what, least, most]) => ({ account: at(index), what, least, most })),
    refusedAt: 0,
  };
}
