import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  setDefaultTimeout,
  test,
} from "bun:test";
import type { Posting } from "../../src/ledger/transaction.ts";
import { doneLines } from "../../src/restore/messages.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { NOTHING_MISSING } from "../support/run-restore.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { A, B, C, HOME, KeptShards, SECOND, ShardServers, THIRD } from "../support/transits/kept-shards.ts";

failOnLeaks();
setDefaultTimeout(120_000);

const BEFORE = ["0 0", "0 0", "0 0"];
const AFTER = ["-42 0", "40 0", "2 0"];

/** How far a transaction has come when Redis is lost, and what has become of it when its parts are completed. */
const STEPS = [
  { name: "one of two parts is prepared", prepared: [SECOND], ends: BEFORE },
  { name: "both parts are prepared", prepared: [SECOND, THIRD], ends: BEFORE },
  { name: "it is decided", prepared: [SECOND, THIRD], decided: true, ends: AFTER },
  { name: "one of two parts is finished", prepared: [SECOND, THIRD], finished: [SECOND], ends: AFTER },
  { name: "both parts are finished", prepared: [SECOND, THIRD], finished: [SECOND, THIRD], ends: AFTER },
] as const;

describe.skipIf(serversMissing !== null)("razonete restore of transactions across shards", () => {
  let servers: ShardServers;
  let ledger: KeptShards;

  beforeAll(async () => {
    servers = await ShardServers.start();
  });
  afterAll(() => servers[Symbol.asyncDispose]());
  beforeEach(async () => {
    ledger = await KeptShards.begin(servers);
  });
  afterEach(() => ledger[Symbol.asyncDispose]());

  async function go(attempt: string, step: (typeof STEPS)[number]): Promise<void> {
    for (const shard of step.prepared) await ledger.prepare(attempt, shard);
    if ("decided" in step || "finished" in step) await ledger.decide(attempt);
    if ("finished" in step) for (const shard of step.finished) await ledger.finish(attempt, shard);
  }

  /** Everything of accounts and of what is in transit, as Redis has it. */
  async function inRedis(): Promise<Readonly<Record<string, unknown>>> {
    const found: Record<string, unknown> = {};
    for (const kind of ["account", "part", "transit", "statement"])
      for (const key of (await ledger.reader.keys(`razonete:*:${kind}:*`)).toSorted())
        found[key] =
          kind === "statement"
            ? await ledger.command(["ZRANGE", key, "0", "-1", "WITHSCORES"])
            : await ledger.command(["GET", key]);
    for (const key of await ledger.reader.keys("razonete:*:parts"))
      found[key] = await ledger.command(["ZRANGE", key, "0", "-1", "WITHSCORES"]);
    for (const key of await ledger.reader.keys("razonete:*:transits"))
      found[key] = await ledger.command(["ZRANGE", key, "0", "-1", "WITHSCORES"]);
    return found;
  }

  async function endsAs(expected: readonly string[]): Promise<void> {
    await ledger.complete();
    expect(await ledger.standing()).toEqual([...expected]);
    await ledger.keepAll();
    expect((await ledger.audit()).findings).toEqual([]);
    // And they stay so, whatever is lost then.
    await ledger.lose(HOME, SECOND, THIRD);
    await ledger.restore();
    expect(await ledger.standing()).toEqual([...expected]);
  }

  describe.each(STEPS)("$name", (step) => {
    test("in the books: Redis is what it was, to the letter", async () => {
      await go(ledger.newAttempt(), step);
      await ledger.keepAll();
      const before = await inRedis();
      await ledger.lose(HOME, SECOND, THIRD);
      expect(await ledger.restore()).toMatchObject({ missing: NOTHING_MISSING });
      const after = await inRedis();
      // Where all has ended, home need not know the attempt any more.
      if (step.ends !== AFTER || !("finished" in step) || step.finished.length < 2)
        expect(after).toEqual(before);
      await endsAs(step.ends);
    });

    test("in the outboxes alone", async () => {
      await go(ledger.newAttempt(), step);
      expect(await ledger.restore()).toMatchObject({ missing: NOTHING_MISSING });
      await endsAs(step.ends);
    });
  });

  test("the capture of a hold: home knows which, also after it", async () => {
    const of = await ledger.hold(30);
    const attempt = ledger.newAttempt();
    await ledger.prepare(attempt, SECOND, [{ from: A, to: B, amount: 30 }]);
    await ledger.capture(attempt, of);
    await ledger.keepAll();
    const before = await inRedis();
    await ledger.lose(HOME, SECOND, THIRD);
    expect(await ledger.restore()).toMatchObject({ missing: NOTHING_MISSING });
    expect(await inRedis()).toEqual(before);
    await endsAs(["-30 0", "30 0", "0 0"]);
  });

  test("a part that only locks an account: it locks it again, and where it is lost nothing is missing", async () => {
    const condition = { account: C, what: "balance", least: 0, most: 5 } as const;
    const postings = [{ from: A, to: B, amount: 40 }];
    const attempt = ledger.newAttempt();
    await ledger.prepare(attempt, SECOND, postings);
    await ledger.keepAll();
    await ledger.prepare(attempt, THIRD, postings, [condition]);
    expect((await ledger.standing())[2]).toBe("0 0 1 0 0 1");
    await ledger.restore();
    expect((await ledger.standing())[2]).toBe("0 0 1 0 0 1");
    await ledger.complete();
    const again = ledger.newAttempt();
    await ledger.prepare(again, SECOND, postings);
    await ledger.keepAll();
    await ledger.prepare(again, THIRD, postings, [condition]);
    await ledger.decide(again, [SECOND, THIRD], postings);
    await ledger.keep(HOME);
    await ledger.lose(HOME, SECOND, THIRD);
    expect(await ledger.restore()).toMatchObject({ missing: NOTHING_MISSING });
    await endsAs(["-40 0", "40 0", "0 0"]);
  });

  describe("the end of what a shard decided is lost", () => {
    const loseAll = () => ledger.lose(HOME, SECOND, THIRD);

    async function prepared(postings?: readonly Posting[], shards: readonly number[] = [SECOND, THIRD]) {
      const attempt = ledger.newAttempt();
      for (const shard of shards)
        expect((await ledger.prepare(attempt, shard, postings)).type).toBe("prepared");
      return attempt;
    }

    test("with the decision: nothing was done", async () => {
      const attempt = await prepared();
      await ledger.keepAll();
      await ledger.decide(attempt);
      await loseAll();
      expect(await ledger.restore()).toMatchObject({ missing: NOTHING_MISSING });
      await endsAs(BEFORE);
    });

    test("with a finish: it is finished once more", async () => {
      const attempt = await prepared();
      await ledger.decide(attempt);
      await ledger.keepAll();
      for (const shard of [SECOND, THIRD]) await ledger.finish(attempt, shard);
      await ledger.keep(SECOND);
      await loseAll();
      expect(await ledger.restore()).toMatchObject({ missing: NOTHING_MISSING });
      await endsAs(AFTER);
    });

    test("with a part and its finish: it is prepared anew from the decision, and finished", async () => {
      const attempt = await prepared();
      await ledger.decide(attempt);
      for (const shard of [SECOND, THIRD]) await ledger.finish(attempt, shard);
      await ledger.keep(HOME, SECOND);
      await loseAll();
      expect(await ledger.restore()).toMatchObject({ missing: NOTHING_MISSING });
      expect(await ledger.standing()).toEqual(["-42 0", "40 0", "0 0 1 0 2 0"]);
      await endsAs(AFTER);
    });

    test("with a part that cannot be prepared any more: it is named, once", async () => {
      const gained = await prepared([{ from: A, to: B, amount: 100 }], [SECOND]);
      await ledger.decide(gained, [SECOND], [{ from: A, to: B, amount: 100 }]);
      await ledger.keepAll();
      await ledger.finish(gained, SECOND);
      const limit = Number((await ledger.calls.row(SECOND, B)).row.split(" ")[0]);
      // It can be paid out of what was gained alone.
      const postings = [
        { from: A, to: C, amount: 1 },
        { from: B, to: A, amount: limit + 50 },
      ];
      const attempt = await prepared(postings);
      await ledger.decide(attempt, [SECOND, THIRD], postings);
      await ledger.keep(HOME, THIRD);
      await loseAll();
      const { missing } = await ledger.restore();
      expect(missing).toMatchObject({ batches: [], accounts: [] });
      expect(missing.transits).toEqual([
        { attempt, transaction: expect.stringMatching(/^t0-/), shard: SECOND, accounts: [B] },
      ]);
      expect(doneLines({ ...(await ledger.restore()), missing }).join("\n")).toContain(
        `shard ${SECOND} has lost what it moves of ${B}`,
      );
      expect(await ledger.restore()).toMatchObject({ missing: NOTHING_MISSING });
      await endsAs([`${limit + 50 - 101} 0`, "100 0", "1 0"]);
    });

    test("with a decision of which another shard has finished its part: all parts are, and home's side is named", async () => {
      const attempt = await prepared();
      await ledger.keepAll();
      await ledger.decide(attempt);
      await ledger.finish(attempt, SECOND);
      await ledger.keep(SECOND);
      const head = Number(await ledger.command(["HGET", `razonete:{${HOME}}:head`, "g"]));
      await loseAll();
      const { missing } = await ledger.restore();
      expect(missing.batches).toEqual([{ shard: HOME, from: head, to: head }]);
      expect(missing.transits).toMatchObject([{ attempt, shard: HOME, accounts: [A] }]);
      await endsAs(["0 0", "40 0", "2 0"]);
    });
  });
});
