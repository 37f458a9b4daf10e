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
import { failOnLeaks } from "../support/leaks.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { HOME, KeptShards, SECOND, ShardServers, THIRD } from "../support/transits/kept-shards.ts";

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
      expect(await ledger.restore()).toMatchObject({ missing: { batches: [], accounts: [] } });
      const after = await inRedis();
      // Where all has ended, home need not know the attempt any more.
      if (step.ends !== AFTER || !("finished" in step) || step.finished.length < 2)
        expect(after).toEqual(before);
      await endsAs(step.ends);
    });

    test("in the outboxes alone", async () => {
      await go(ledger.newAttempt(), step);
      expect(await ledger.restore()).toMatchObject({ missing: { batches: [], accounts: [] } });
      await endsAs(step.ends);
    });
  });
});
