import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import type { RedisLedger } from "../../src/decide/redis-ledger.ts";
import { bounds } from "../../src/bounds.ts";
import { WORLD } from "../../src/ledger/account.ts";
import type { Command } from "../../src/ledger/command.ts";
import type { Outcome } from "../../src/ledger/ledger.ts";
import { accountOn } from "../support/account-on.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { capture, held, hold, moved, transact, transaction } from "../support/ledger/commands.ts";
import { describeWithRedis, RedisStand } from "../support/redis-under-test.ts";

failOnLeaks();
setDefaultTimeout(120_000);

const [A, B] = [accountOn(0, 2), accountOn(1, 2)];
/** Of a batch that is sent again until all of it is done. One takes a few, or some more where the machine is slow. */
const ATTEMPTS_MAX = 50;

describeWithRedis("a batch across shards that is sent again", () => {
  let stand: RedisStand;
  let ledger: RedisLedger;
  beforeEach(async () => {
    stand = await RedisStand.start({ shards: 2 });
    ledger = await stand.ledger();
    for (const account of [A, B]) moved(await ledger.submit(transaction([[WORLD, account, 1000]])));
  });
  afterEach(() => stand[Symbol.asyncDispose]());

  /** `null` where there was no answer in time. */
  async function submitEach(commands: readonly Command[]): Promise<(Outcome | null)[]> {
    const settled = await ledger.submitEach(commands);
    return settled.map((one) => (one.status === "fulfilled" ? one.value : null));
  }

  /**
   * Until all is decided. Each attempt has to answer all that those before it have done, and to do some more. Only one
   * that was told nothing at all, as on a machine that stands still, says nothing.
   */
  async function submitUntilDone(commands: readonly Command[]): Promise<void> {
    const done = new Map<number, Outcome>();
    for (let attempt = 0; done.size < commands.length; attempt += 1) {
      expect(attempt).toBeLessThan(ATTEMPTS_MAX);
      const before = done.size;
      const outcomes = await submitEach(commands);
      if (outcomes.every((outcome) => outcome === null)) continue;
      for (const [index, outcome] of outcomes.entries()) {
        const first = done.get(index);
        if (first !== undefined) expect(outcome).toEqual({ ...first, replayed: true });
        else if (outcome !== null) done.set(index, outcome);
      }
      expect(done.size).toBeGreaterThan(before);
    }
    for (const outcome of done.values()) moved(outcome);
  }

  /** As after half a minute: how parts ended is in the outbox only. */
  async function forgetRequests(): Promise<void> {
    for (const shard of [0, 1])
      for (const period of [0, 1]) await stand.command(["DEL", `razonete:{${shard}}:seen:${period}`]);
  }

  async function partsMade(): Promise<number> {
    return (await stand.events(1)).filter((event) => event.startsWith("q")).length;
  }

  test("goes on where it ended, under one key", async () => {
    const commands = Array.from({ length: bounds.batch_request_commands_max }, (_, index) => ({
      ...transaction([[A, B, 1]], { id: index === 0 ? "key:long" : `bat:${index}:long` }),
      batch: "all",
    }));
    await submitUntilDone(commands);
    expect(await ledger.account(A)).toMatchObject({ balance: 500, held: 0, seq: 501 });
    expect(await ledger.account(B)).toMatchObject({ balance: 1500, held: 0, seq: 501 });
  });

  test("goes on where it ended, with a key of each command", async () => {
    const commands = Array.from({ length: bounds.batch_request_commands_max }, (_, index) =>
      transaction([[index % 2 === 0 ? A : B, index % 2 === 0 ? B : A, 1]], { id: `key:own-${index}` }),
    );
    await submitUntilDone(commands);
    expect(await ledger.account(A)).toMatchObject({ balance: 1000, held: 0, seq: 501 });
    expect(await ledger.account(B)).toMatchObject({ balance: 1000, held: 0, seq: 501 });
  });

  test("answers what was decided without preparing it anew, whatever it was, and what is new after it", async () => {
    const { id } = held(await ledger.submit(hold(A, 40, { to: B })));
    const { creditLimit = 0 } = (await ledger.account(B)) ?? {};
    const decided = [
      transaction([[A, B, 10]], { id: "key:one" }),
      transaction([[B, A, 1_000_000]], { id: "key:too-much" }),
      capture(id, { id: "key:capture" }),
      capture(id, { id: "key:captured" }),
      transact(B, "debit", 1050 + creditLimit, "key:all-of-it"),
      transaction([[B, A, 1]], { id: "key:none-left" }),
    ];
    const first = await submitEach(decided);
    expect(first.map((one) => one?.type)).toEqual([
      "accepted",
      "refused",
      "accepted",
      "refused",
      "accepted",
      "refused",
    ]);
    const parts = await partsMade();
    const replayed = first.map((one) => (one === null ? null : { ...one, replayed: true }));
    expect(await submitEach(decided)).toEqual(replayed);
    expect(await partsMade()).toBe(parts);
    await forgetRequests();
    expect(await submitEach(decided)).toEqual(replayed);
    expect(await partsMade()).toBe(parts);
    const added = [transaction([[A, B, 7]], { id: "key:new" }), transact(B, "debit", 7, "key:of-it")];
    const [start, ...others] = decided;
    const [one, ...rest] = await submitEach([...(start === undefined ? [] : [start]), ...added, ...others]);
    expect([one, ...rest.slice(2)]).toEqual(replayed);
    expect(rest.slice(0, 2)).toMatchObject([{ replayed: false }, { type: "accepted", replayed: false }]);
    expect(await partsMade()).toBe(parts + 1);
    const other = transaction([[A, B, 11]], { id: "key:one" });
    expect((await submitEach([other, ...others]))[0]).toMatchObject({ refusal: "key-reused" });
    expect(await ledger.account(A)).toMatchObject({ balance: 943, held: 0 });
    expect(await ledger.account(B)).toMatchObject({ balance: -creditLimit, held: 0 });
  });
});
