import { expect, test } from "bun:test";
import { messageOf } from "../../src/errors.ts";
import { WORLD } from "../../src/ledger/account.ts";
import { MONEY_CENTS_MAX, openAccount } from "../../src/ledger/rules.ts";
import type { Condition, Posting } from "../../src/ledger/transaction.ts";
import { Random, testSeed } from "../support/random.ts";
import { Expected } from "./support/conservation.ts";
import type { Asked } from "./support/shard-model.ts";
import { SystemModel } from "./support/system-model.ts";

/**
 * The protocol of transactions across shards, with the rules as they are, where calls are lost, come late or twice, and
 * processes die at any step: money is conserved at all times with what is in transit, each command is decided once, each
 * part ended once, and conditions hold at the moment of the decision.
 */

const SEEDS = 2_000;
const SHARDS = 3;
const ACCOUNTS_EACH = 3;

const seed = testSeed();

test(`whatever dies and is lost, from seed ${seed} on`, () => {
  const counts = new Map<string, number>();
  for (let index = 0; index < SEEDS; index += 1) {
    try {
      for (const what of run(seed + index)) counts.set(what, (counts.get(what) ?? 0) + 1);
    } catch (error) {
      throw new Error(`with TEST_SEED=${seed + index}: ${messageOf(error)}`, { cause: error });
    }
  }
  // All kinds of ends have been seen.
  expect([...counts.keys()].toSorted()).toEqual([
    "account-unknown",
    "balance-out-of-range",
    "condition-failed",
    "done",
    "limit-exceeded",
    "unit-mismatch",
  ]);
}, 120_000);

/** @returns the answers */
function run(of: number): string[] {
  const random = new Random(of);
  const system = new SystemModel(SHARDS, random, {
    deaths: random.pick([0, 2, 10]),
    losses: random.pick([0, 5, 20]),
  });
  for (const shard of system.shards)
    for (let index = 0; index < ACCOUNTS_EACH; index += 1) {
      const row = openAccount(random.pick([0, 50]), random.chance(95) ? "A" : "B", 0);
      row.balance = random.chance(10) ? MONEY_CENTS_MAX - random.integer(0, 100) : random.integer(0, 100);
      shard.accounts.set(`${shard.number}:${index}`, row);
    }
  const expected = new Expected(system);
  const asked = new Map<string, Asked>();
  for (let step = 0; step < 150; step += 1) {
    if (asked.size < 12 && random.chance(30)) {
      const command = draft(random, `key:${asked.size}`);
      asked.set(command.id, command);
      system.submit(command);
    }
    if (random.chance(5)) system.complete(random.pick(system.shards));
    if (random.chance(2)) random.pick(system.shards).forgetUndone();
    if (random.chance(5)) random.pick(system.shards).hold(accountOn(random), random.integer(1, 30));
    if (random.chance(10)) {
      const from = accountOn(random);
      const to = random.chance(50) ? WORLD : `${from.split(":")[0]}:${random.integer(0, ACCOUNTS_EACH - 1)}`;
      const inside = {
        id: "key:inside" as const,
        postings: [{ from, to, amount: random.integer(1, 60) }],
        conditions: [],
      };
      if (from !== to && system.shardOf(from).transact(inside)) expected.move(inside.postings);
    }
    system.step();
    expected.check(asked);
  }
  // Nothing new: all that is under way ends, and whatever is left open is completed.
  for (let rounds = 0; ; rounds += 1) {
    if (rounds > 1000) throw new Error("it never ends");
    while (system.step()) expected.check(asked);
    if (system.shards.every(({ parts }) => parts.size === 0)) break;
    for (const shard of system.shards) system.complete(shard);
  }
  expected.check(asked);
  expected.checkEnd();
  return [...system.answers.values()].map((answer) =>
    answer.type === "done" ? answer.type : answer.refusal,
  );
}

function accountOn(random: Random): string {
  return `${random.integer(0, SHARDS - 1)}:${random.integer(0, ACCOUNTS_EACH - 1)}`;
}

function draft(random: Random, id: `key:${string}`): Asked {
  const postings: Posting[] = [];
  while (postings.length === 0 || random.chance(50)) {
    const from = random.chance(10) ? WORLD : accountOn(random);
    const to = random.chance(10)
      ? WORLD
      : random.chance(2)
        ? `${random.integer(0, SHARDS - 1)}:none`
        : accountOn(random);
    if (from !== to) postings.push({ from, to, amount: random.integer(1, 60) });
  }
  const conditions: Condition[] = [];
  while (random.chance(20)) {
    const bounds = random.chance(50) ? { least: 10, most: MONEY_CENTS_MAX } : { least: 0, most: 80 };
    const what = random.pick(["balance", "seq"] as const);
    conditions.push({
      account: accountOn(random),
      what,
      ...(what === "seq" ? { least: 0, most: 3 } : bounds),
    });
  }
  return { id, postings, conditions };
}
