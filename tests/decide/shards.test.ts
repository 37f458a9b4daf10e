import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import type { Command } from "../../src/ledger/command.ts";
import { shardOf } from "../../src/ledger/account-id.ts";
import { LedgerUnavailable } from "../../src/ledger/ledger.ts";
import { parseEvent } from "../../src/ledger/event.ts";
import { accountOn } from "../support/account-on.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { admitted, describeWithRedis, RedisStand } from "../support/redis-under-test.ts";
import { credit, debit, expectAppliedOnce, requestId, settle } from "../support/ledger/settling.ts";

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
    return { type: "open", id, account: null, unit: "BRL/2", creditLimit: 10, name: null, metadata: {} };
  }

  const ACCOUNTS = ["1", "2", "3", "4", "5"];

  async function allEvents(): Promise<readonly (readonly string[])[]> {
    return Promise.all(Array.from({ length: SHARDS }, (_, shard) => stand.events(shard)));
  }

  test("each account lives in its shard, its events in that outbox, and g counts for each shard", async () => {
    const ledger = await stand.ledger();
    for (const account of ACCOUNTS) {
      await ledger.submit(credit(account));
      await ledger.submit(credit(account));
    }
    for (const [shard, events] of (await allEvents()).entries()) {
      const accounts = events.map((text) => text.split(" ")[1] ?? "");
      expect(accounts.length).toBeGreaterThan(0);
      expect(accounts.every((account) => shardOf(account, SHARDS) === shard)).toBe(true);
      expect((await stand.outbox(shard)).map((batch) => batch.g)).toEqual(
        accounts.map((_, index) => index + 1),
      );
    }
    for (const account of ACCOUNTS)
      expect(await ledger.account(account)).toMatchObject({ id: account, balance: 2 });
  });

  test("openings spread over the shards, no id is given twice, and each is found again", async () => {
    const ledgers = [await stand.ledger(), await stand.ledger()] as const;
    const answers = await Promise.all(
      Array.from({ length: 120 }, (_, index) => settle(ledgers[index % 2 === 0 ? 0 : 1], open())),
    );
    const ids = answers.map(({ outcome }) =>
      outcome.type === "accepted" && "account" in outcome.result ? outcome.result.account.id : "",
    );
    expect(new Set([...ids, ...ACCOUNTS]).size).toBe(125);
    const counts = Array.from(
      { length: SHARDS },
      (_, shard) => ids.filter((id) => shardOf(id, SHARDS) === shard).length,
    );
    // 40 each, give or take; an id that is always sent to one shard would leave the others empty.
    for (const count of counts) expect(count).toBeGreaterThan(10);
    for (const id of ids) expect(await ledgers[0].account(id)).toMatchObject({ id });
    for (const [shard, events] of (await allEvents()).entries()) {
      const opened = events.map((text) => parseEvent(text)).filter((event) => event.type === "open");
      expect(opened).toHaveLength(counts[shard] ?? 0);
      expect(opened.every(({ account }) => shardOf(account, SHARDS) === shard)).toBe(true);
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
      Array.from({ length: 300 }, (_, index) =>
        settle(ledger, debit(ACCOUNTS[index % 5] ?? "", 1 + (index % 50))),
      ),
    );
    await stand.crash();
    const answers = await settling;
    for (const [shard, events] of (await allEvents()).entries()) {
      const own = answers.filter(
        ({ command }) => command.type === "transact" && shardOf(command.account, SHARDS) === shard,
      );
      expectAppliedOnce(own, events);
    }
  });

  test("one shard that is older than the books keeps all of them out", async () => {
    // Shard 0 is as far as that: each is asked for itself.
    await (await stand.ledger()).submit(credit(accountOn(0, SHARDS)));
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
