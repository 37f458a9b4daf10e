import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import type { RedisLedger } from "../../src/decide/redis-ledger.ts";
import { WORLD } from "../../src/ledger/account.ts";
import { shardOf } from "../../src/ledger/account-id.ts";
import type { Command } from "../../src/ledger/command.ts";
import { parseEvent } from "../../src/ledger/event.ts";
import { entriesOf } from "../../src/ledger/event-results.ts";
import type { Outcome } from "../../src/ledger/ledger.ts";
import { settle } from "../support/ledger/settling.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import {
  capture,
  condition,
  held,
  hold,
  moved,
  open,
  release,
  reversal,
  transaction,
} from "../support/ledger/commands.ts";
import { Random, testSeed } from "../support/random.ts";
import { describeWithRedis, RedisStand } from "../support/redis-under-test.ts";
import { type Moment, readMoment } from "./support/conserved.ts";

failOnLeaks();
setDefaultTimeout(120_000);

const SHARDS = 3;
/** Two on each shard; none has a limit below 0. */
const ACCOUNTS = [0, 1, 2].flatMap((shard) => accountsOn(shard, 2));
const BEGINNING = 500;
const CLIENTS = 12;
const TURNS = 25;
const SEED = testSeed();

describeWithRedis("two ledgers on three shards, many clients", () => {
  let stand: RedisStand;
  let ledgers: readonly [RedisLedger, RedisLedger];
  beforeEach(async () => {
    stand = await RedisStand.start({ shards: SHARDS });
    // So often that what is only under way is completed, or abandoned, by the other one.
    const options = { completionMilliseconds: 20 };
    ledgers = [await stand.ledger(options), await stand.ledger(options)];
    for (const account of ACCOUNTS) {
      await ledgers[0].submit(open(0, { account }));
      moved(await ledgers[0].submit(transaction([[WORLD, account, BEGINNING]])));
    }
  });
  afterEach(() => stand[Symbol.asyncDispose]());

  /** What one client asks for, one after the other; all of it is answered for good. */
  async function client(number: number, outcomes: Outcome[]): Promise<void> {
    const random = new Random(SEED + number);
    const account = () => random.pick(ACCOUNTS);
    const submit = async (command: Command): Promise<Outcome> => {
      const { outcome } = await settle(random.pick(ledgers), command);
      outcomes.push(outcome);
      return outcome;
    };
    for (let turn = 0; turn < TURNS; turn += 1) {
      const id = `key:${number}-${turn}` as const;
      const amount = random.integer(1, 200);
      if (random.chance(30)) {
        const made = await submit(hold(account(), amount, { to: account(), id }));
        if (made.type === "refused") continue;
        const of = held(made).id;
        const parts = [
          { to: account(), amount: 1 },
          { to: account(), amount: amount - 1 || 1 },
        ];
        const ends = [
          capture(of),
          capture(of, { to: account() }),
          capture(of, { parts: amount > 2 ? parts : [parts[0] ?? { to: account(), amount: 1 }] }),
          release(of),
        ];
        await submit(random.pick(ends));
        continue;
      }
      const postings = Array.from(
        { length: random.integer(1, 3) },
        () => [account(), account(), random.integer(1, 150)] as const,
      ).filter(([from, to]) => from !== to);
      if (postings.length === 0) continue;
      const conditions = random.chance(20) ? [condition(account(), "balance", 100)] : [];
      const made = await submit(transaction(postings, { id, conditions }));
      if (made.type === "accepted" && random.chance(30))
        await submit(reversal(moved(made).transaction.id, { id: `key:${number}-${turn}-back` }));
    }
  }

  test(`money is there once at each moment, and no limit is passed (seed ${SEED})`, async () => {
    const outcomes: Outcome[] = [];
    const moments: Moment[] = [];
    const state = { isOver: false };
    const sampling = (async () => {
      while (!state.isOver) moments.push(await readMoment(stand));
    })();
    const clients = Array.from({ length: CLIENTS }, (_, number) => client(number, outcomes));
    await Promise.all(clients).finally(() => {
      state.isOver = true;
    });
    await sampling;

    const all = ACCOUNTS.length * BEGINNING;
    for (const { balances, inTransit, overdrawn } of moments)
      expect([balances + inTransit, overdrawn]).toEqual([all, []]);
    expect(moments.some(({ openParts }) => openParts > 0)).toBe(true);
    expect(outcomes.some(({ type }) => type === "refused")).toBe(true);

    const keys = async (pattern: string) => stand.command(["KEYS", `razonete:*:${pattern}`]);
    await eventually(
      "nothing is open",
      async () => JSON.stringify([await keys("part:*"), await keys("transits")]) === "[[],[]]",
    );
    const balances = new Map(ACCOUNTS.map((account) => [account, BEGINNING]));
    for (const outcome of outcomes) {
      if (outcome.type === "accepted" && outcome.result.type === "transaction")
        for (const { from, to, amount } of outcome.result.transaction.postings) {
          balances.set(from, (balances.get(from) ?? 0) - amount);
          balances.set(to, (balances.get(to) ?? 0) + amount);
        }
    }
    await expectChains(balances);
  });

  /** The entries of each account follow each other, and lead to what it has; nothing is held. */
  async function expectChains(told: ReadonlyMap<string, number>): Promise<void> {
    const entries = (
      await Promise.all(
        Array.from({ length: SHARDS }, async (_, shard) =>
          (await stand.outbox(shard)).flatMap(({ g, events }) =>
            events.flatMap((event, index) => entriesOf(parseEvent(event), { shard, g, index })),
          ),
        ),
      )
    ).flat();
    const captured = new Map<string, number>();
    for (const id of ACCOUNTS) {
      let balance = 0;
      for (const [index, entry] of entries.filter(({ account }) => account === id).entries()) {
        balance += entry.kind === "credit" ? entry.value : -entry.value;
        expect([id, entry.seq, entry.balance]).toEqual([id, index + 1, balance]);
      }
      expect(await ledgers[0].account(id)).toMatchObject({ balance, held: 0 });
      captured.set(id, balance - (told.get(id) ?? 0));
    }
    // What captures moved was answered with their holds alone; together it is nothing.
    expect([...captured.values()].reduce((sum, each) => sum + each, 0)).toBe(0);
  }
});

function accountsOn(shard: number, count: number): string[] {
  const ids = Array.from({ length: 100 }, (_, number) => `x${number}`);
  return ids.filter((id) => shardOf(id, SHARDS) === shard).slice(0, count);
}
