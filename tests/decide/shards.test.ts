import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import type { Command } from "../../src/ledger/command.ts";
import { LedgerUnavailable } from "../../src/ledger/ledger.ts";
import { parseEvent } from "../../src/ledger/event.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { admitted, describeWithRedis, RedisStand } from "../support/redis-under-test.ts";
import { credit, debit, expectAppliedOnce, requestId, settle } from "./support/settling.ts";

failOnLeaks();
setDefaultTimeout(60_000);

const SHARDS = 3;

describeWithRedis("several shards", () => {
  let stand: RedisStand;
  beforeEach(async () => {
    stand = await RedisStand.start({ shards: SHARDS });
  });
  afterEach(() => stand[Symbol.asyncDispose]());

  function open(id = requestId()): Command {
    return { type: "open", id, creditLimit: 10, name: null };
  }

  const shardOf = (account: number) => account % SHARDS;

  async function allEvents(): Promise<readonly (readonly string[])[]> {
    return Promise.all(Array.from({ length: SHARDS }, (_, shard) => stand.events(shard)));
  }

  test("each account lives in its shard, its events in that outbox, and g counts for each shard", async () => {
    const ledger = await stand.ledger();
    for (let account = 1; account <= 5; account += 1) {
      await ledger.submit(credit(account));
      await ledger.submit(credit(account));
    }
    for (const [shard, events] of (await allEvents()).entries()) {
      const accounts = events.map((text) => Number(text.split(" ")[1]));
      expect(accounts.length).toBeGreaterThan(0);
      expect(accounts.every((account) => shardOf(account) === shard)).toBe(true);
      expect((await stand.outbox(shard)).map((batch) => batch.g)).toEqual(
        accounts.map((_, index) => index + 1),
      );
    }
    for (let account = 1; account <= 5; account += 1)
      expect(await ledger.account(account)).toMatchObject({ id: account, balance: 2 });
  });

  test("openings spread over the shards, no number is given twice, and each is found again", async () => {
    const ledgers = [await stand.ledger(), await stand.ledger()] as const;
    const answers = await Promise.all(
      Array.from({ length: 120 }, (_, index) => settle(ledgers[index % 2 === 0 ? 0 : 1], open())),
    );
    const numbers = answers.map(({ outcome }) => (outcome.type === "accepted" ? outcome.account.id : 0));
    expect(new Set(numbers).size).toBe(120);
    expect(Math.min(...numbers)).toBeGreaterThan(5);
    const counts = Array.from(
      { length: SHARDS },
      (_, shard) => numbers.filter((n) => shardOf(n) === shard).length,
    );
    // 40 each, give or take; an id that is always sent to one shard would leave the others empty.
    for (const count of counts) expect(count).toBeGreaterThan(10);
    for (const number of numbers) expect(await ledgers[0].account(number)).toMatchObject({ id: number });
    for (const [shard, events] of (await allEvents()).entries()) {
      const opened = events.map((text) => parseEvent(text)).filter((event) => event.type === "open");
      expect(opened).toHaveLength(counts[shard] ?? 0);
      expect(opened.every(({ account }) => shardOf(account) === shard)).toBe(true);
    }
  });

  test("an opening sent again, through another ledger, finds its first outcome", async () => {
    const [first, second] = [await stand.ledger(), await stand.ledger()];
    for (let index = 0; index < 20; index += 1) {
      const command = open(index % 2 === 0 ? `key:${index}` : requestId());
      const outcome = await first.submit(command);
      expect(await second.submit(command)).toEqual({ ...outcome, replayed: true });
    }
    expect((await allEvents()).flat()).toHaveLength(20);
  });

  test("a load over all shards and a kill: applied once, in each", async () => {
    const ledger = await stand.ledger();
    const settling = Promise.all(
      Array.from({ length: 300 }, (_, index) => settle(ledger, debit(1 + (index % 5), 1 + (index % 50)))),
    );
    await stand.crash();
    const answers = await settling;
    for (const [shard, events] of (await allEvents()).entries()) {
      const own = answers.filter(
        ({ command }) => command.type === "transact" && shardOf(command.account) === shard,
      );
      expectAppliedOnce(own, events);
    }
  });

  test("one shard that is older than the books keeps all of them out", async () => {
    // Shard 0 is as far as that: each is asked for itself.
    await (await stand.ledger()).submit(credit("3"));
    stand.books.lastG = [0, 0, 1];
    const ledger = stand.newLedger();
    const state = () => ledger.readiness();
    await eventually("it says why", () => JSON.stringify(state()).includes("older"), state);
    expect(state()).toEqual({
      ready: false,
      reason: "Redis is older than the books (batch 0 of 1): give it its data back, or run razonete restore",
    });
    expect(await ledger.account("1").catch((error: unknown) => error)).toBeInstanceOf(LedgerUnavailable);
    stand.books.lastG = [0, 0, 0];
    await eventually("it is ready", () => admitted(ledger));
  });
});
