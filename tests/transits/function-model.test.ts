import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { netChanges } from "../../src/keep/net-changes.ts";
import { WORLD } from "../../src/ledger/account.ts";
import { formatEvent, parseEvent } from "../../src/ledger/event.ts";
import { MONEY_CENTS_MAX } from "../../src/ledger/rules.ts";
import type { Condition, Posting } from "../../src/ledger/transaction.ts";
import { open } from "../support/ledger/commands.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { Random, testSeed } from "../support/random.ts";
import { describeWithRedis, RedisStand } from "../support/redis-under-test.ts";
import { ShardCalls, transactionFrom } from "../support/transits/shard-calls.ts";
import { type Asked, ShardModel, type Told } from "./support/shard-model.ts";

/**
 * What the function in Redis does of transactions across shards is what the model does, whose protocol is shown to be right
 * in protocol.test.ts: the same calls in any order, answers and accounts compared after each.
 */

failOnLeaks();
setDefaultTimeout(120_000);

const SHARDS = 3;
const ACCOUNTS_EACH = 3;
const ROUNDS = 25;
const STEPS = 150;

const seed = testSeed();

describeWithRedis("the function and the model", () => {
  let stand: RedisStand;
  beforeAll(async () => {
    stand = await RedisStand.start({ shards: SHARDS });
  });
  afterAll(() => stand[Symbol.asyncDispose]());

  test(`do the same, from seed ${seed} on`, async () => {
    const seen = new Set<string>();
    for (let round = 0; round < ROUNDS; round += 1) {
      await stand.begin();
      const pair = new Pair(new ShardCalls(stand), new Random(seed + round), seen);
      await pair.open();
      for (let step = 0; step < STEPS; step += 1) await pair.step();
      for (let shard = 0; shard < SHARDS; shard += 1) {
        const batches = (await stand.outbox(shard)).map((batch) => ({ epoch: "test", shard, ...batch }));
        // Events follow from each other, as the books look at them.
        netChanges(batches);
        for (const text of batches.flatMap(({ events }) => events))
          expect(formatEvent(parseEvent(text))).toBe(text);
      }
    }
    expect([...seen].toSorted()).toEqual([
      "decide again",
      "decide decided",
      "decide refused",
      "finish",
      "prepare again",
      "prepare prepared",
      "prepare undone",
      "prepare unprepared",
      "undo",
    ]);
  });
});

/** One try of a transaction, as far as it has come. */
interface Try {
  readonly attempt: string;
  readonly asked: Asked;
  readonly home: number;
  readonly others: readonly number[];
  readonly told: Map<number, Told>;
}

class Pair {
  readonly #calls: ShardCalls;
  readonly #random: Random;
  readonly #seen: Set<string>;
  readonly #models = Array.from({ length: SHARDS }, (_, number) => new ShardModel(number));
  readonly #tries: Try[] = [];
  #count = 0;

  constructor(calls: ShardCalls, random: Random, seen: Set<string>) {
    this.#calls = calls;
    this.#random = random;
    this.#seen = seen;
  }

  async open(): Promise<void> {
    for (const { number, accounts } of this.#models)
      for (let index = 0; index < ACCOUNTS_EACH; index += 1) {
        const id = `${number}:${index}`;
        const unit = this.#random.chance(95) ? "A" : "B";
        const creditLimit = this.#random.pick([0, 50]);
        await this.#calls.submit(number, { ...open(creditLimit, { account: id }), unit });
        accounts.set(id, { creditLimit, balance: 0, held: 0, seq: 0, time: 0, unit, state: "open" });
        const near = MONEY_CENTS_MAX - this.#random.integer(0, 100);
        const amount = this.#random.chance(10) ? near : this.#random.integer(1, 100);
        await this.#inside(number, [{ from: WORLD, to: id, amount }]);
      }
  }

  async step(): Promise<void> {
    const random = this.#random;
    if (this.#tries.length === 0 || random.chance(15)) this.#begin();
    const one = random.pick(this.#tries);
    const other = random.pick(one.others);
    switch (random.pick(["prepare", "prepare", "decide", "finish", "undo", "ask", "inside", "hold"])) {
      case "prepare":
        await this.#prepare(one, other);
        break;
      case "decide":
        for (const shard of one.others) if (!one.told.has(shard)) await this.#prepare(one, shard);
        if (one.others.every((shard) => one.told.has(shard))) await this.#decide(one);
        break;
      case "finish":
      case "undo":
        await this.#end(one, other);
        break;
      case "ask": {
        const answer = await this.#calls.ask(one.home, { type: "ask", attempt: one.attempt });
        expect(answer.type).toBe(this.#model(one.home).ask(one.attempt));
        break;
      }
      case "inside": {
        const account = this.#account();
        const own = account.split(":")[0];
        const to = random.chance(50) ? WORLD : `${own}:${random.integer(0, ACCOUNTS_EACH - 1)}`;
        if (account !== to)
          await this.#inside(Number(own), [{ from: account, to, amount: random.integer(1, 60) }]);
        break;
      }
      default: {
        const account = this.#account();
        const amount = random.integer(1, 30);
        const shard = Number(account.split(":")[0]);
        const held = { from: account, to: WORLD, amount, expiresInSeconds: 600 };
        const details = { description: null, reference: null, metadata: {} };
        const answer = await this.#calls.submit(shard, { type: "hold", id: this.#id(), ...held, ...details });
        const isDone = this.#model(shard).hold(account, amount);
        expect(answer.type === "accepted").toBe(isDone);
      }
    }
    await this.#compare();
  }

  #begin(): void {
    const random = this.#random;
    const [first, second] = random.pick([
      [0, 1],
      [1, 2],
      [2, 0],
    ] as const);
    const postings: Posting[] = [];
    const party = (): string => {
      if (random.chance(10)) return WORLD;
      const shard = random.pick([first, second]);
      return random.chance(2) ? `${shard}:none` : `${shard}:${random.integer(0, ACCOUNTS_EACH - 1)}`;
    };
    while (postings.length < 1 || random.chance(50)) {
      const [from, to] = postings.length === 0 ? [`${first}:0`, `${second}:0`] : [party(), party()];
      if (from !== to) postings.push({ from, to, amount: random.integer(1, 60) });
    }
    const conditions: Condition[] = [];
    while (random.chance(20)) {
      const account = `${random.pick([first, second])}:${random.integer(0, ACCOUNTS_EACH - 1)}`;
      conditions.push({ account, what: "balance", least: 10, most: MONEY_CENTS_MAX });
    }
    this.#count += 1;
    // Now and then a command gets another attempt.
    const again = this.#tries.find(({ home }) => home === first);
    const asked =
      again !== undefined && random.chance(20) ? again.asked : { id: this.#id(), postings, conditions };
    this.#tries.push({
      attempt: `${first}-try${this.#count}`,
      asked,
      home: first,
      others: asked === again?.asked ? again.others : [second],
      told: new Map(),
    });
  }

  async #prepare({ attempt, asked, told }: Try, shard: number): Promise<void> {
    const model = this.#model(shard);
    const accounts = [...model.factsOf(asked).keys()];
    const conditions = asked.conditions.flatMap((condition, place) =>
      model.owns(condition.account) ? [{ place, condition }] : [],
    );
    const answer = await this.#calls.ask(shard, {
      type: "prepare",
      attempt,
      command: asked.id,
      isDryRun: false,
      postings: asked.postings,
      conditions,
      accounts,
      details: "",
    });
    const expected = model.prepare(attempt, asked);
    this.#seen.add(`prepare ${answer.type}`);
    expect(answer.type).toBe(expected.type);
    if (expected.type !== "prepared" && expected.type !== "unprepared") return;
    if (!told.has(shard)) told.set(shard, expected.told);
    const facts = [...expected.told.facts.values()].map(
      (fact) => fact ?? ({ state: "unknown", unit: "" } as const),
    );
    if (answer.type === "unprepared")
      expect(answer).toEqual({
        type: "unprepared",
        accounts: facts,
        refused: expected.told.refused,
        unmet: expected.told.unmet,
      });
    if (answer.type === "prepared")
      expect(answer.event.accounts.map(({ state, unit }) => ({ state, unit }))).toMatchObject(facts);
  }

  async #decide({ attempt, asked, home, told }: Try): Promise<void> {
    const expected = this.#model(home).decide(attempt, asked, told);
    const all = [...told.values()];
    const accounts = all.flatMap(({ facts }) =>
      [...facts].map(([id, fact]) => ({ id, ...(fact ?? ({ state: "unknown", unit: "" } as const)) })),
    );
    const [refused = null] = all.flatMap(({ refused: one }) => (one === null ? [] : [one]));
    const [unmet = null] = all.flatMap(({ unmet: one }) => (one === null ? [] : [one]));
    const answer = await this.#calls.decide(home, transactionFrom(asked.id, asked), attempt, {
      shards: [...told.keys()],
      accounts,
      refused,
      unmet,
    });
    this.#seen.add(`decide ${expected.type}`);
    if (answer.type === "accepted") {
      if (!("decided" in answer)) throw new Error("it does not say by which attempt");
      expect(expected).toEqual({
        type: "decided",
        attempt: answer.decided.attempt,
        shards: answer.decided.shards,
      });
    } else if (answer.type === "refused") {
      expect(expected).toEqual({ type: "refused", refusal: answer.refusal });
    } else {
      const { type } = answer;
      expect({ type: expected.type }).toMatchObject({ type });
    }
  }

  /** As its home says. */
  async #end({ attempt, home }: Try, shard: number): Promise<void> {
    const model = this.#model(shard);
    const isOpen = model.parts.has(attempt);
    const verdict = this.#model(home).ask(attempt);
    await this.#calls.ask(home, { type: "ask", attempt });
    const decided = { transaction: "t0-1-0-0", decidedAt: 1, hold: null };
    const answer =
      verdict === "decided"
        ? await this.#calls.ask(shard, { type: "finish", attempt, ...decided })
        : await this.#calls.ask(shard, { type: "undo", attempt });
    const wasRemembered = answer.type === "ended" && !isOpen;
    expect(answer.type).toBe(isOpen || wasRemembered ? "ended" : "not-open");
    this.#seen.add(verdict === "decided" ? "finish" : "undo");
    if (verdict === "decided") model.finish(attempt);
    else model.undo(attempt);
  }

  async #inside(shard: number, postings: readonly Posting[]): Promise<void> {
    const asked = { id: this.#id(), postings, conditions: [] };
    const answer = await this.#calls.submit(shard, transactionFrom(asked.id, asked));
    const isDone = this.#model(shard).transact(asked);
    expect(answer.type === "accepted").toBe(isDone);
  }

  async #compare(): Promise<void> {
    for (const model of this.#models)
      for (const [id, { creditLimit, balance, held, seq, unit, state }] of model.accounts) {
        const { row, more } = await this.#calls.row(model.number, id);
        const [limit, own, set, at, , ofUnit, status] = row.split(" ");
        expect([id, limit, own, set, at, ofUnit, status, more]).toEqual([
          id,
          ...[creditLimit, balance, held, seq, unit, state].map(String),
          model.fieldsOf(id),
        ]);
      }
  }

  #model(shard: number): ShardModel {
    const model = this.#models[shard];
    if (model === undefined) throw new Error(`there is no shard ${shard}`);
    return model;
  }

  #account(): string {
    return `${this.#random.integer(0, SHARDS - 1)}:${this.#random.integer(0, ACCOUNTS_EACH - 1)}`;
  }

  #id(): `key:${string}` {
    this.#count += 1;
    return `key:${this.#count}`;
  }
}
