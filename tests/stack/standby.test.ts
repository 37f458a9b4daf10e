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
import { existsSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { processesIn } from "../../src/stack/postgres.ts";
import type { PostgresNode } from "../../src/stack/standby/pair-plan.ts";
import { readPrimary, writePrimary } from "../../src/stack/standby/primary-file.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { type NatsServer, startNats } from "../support/servers/nats.ts";
import { type RedisServer, startRedis } from "../support/servers/redis.ts";
import { WriterWorld } from "../support/writer-under-test.ts";
import { SupervisedPair } from "./support/supervised-pair.ts";

/** The stack's two PostgreSQL with their supervisor, and a writer: who takes over, and what becomes of the other one. */

setDefaultTimeout(120_000);

describe.skipIf(serversMissing !== null)("the two PostgreSQL of a stack", () => {
  let redis: RedisServer;
  let nats: NatsServer;
  let pair: SupervisedPair;
  let world: WriterWorld;
  let first: PostgresNode;
  let second: PostgresNode;

  beforeAll(async () => {
    [redis, nats] = await Promise.all([startRedis(), startNats()]);
  });

  afterAll(() => Promise.all([redis.process.dispose(), nats.process.dispose()]));

  beforeEach(async () => {
    pair = await SupervisedPair.start();
    [first, second] = pair.plan.nodes;
    const postgres = { emptyDatabase: () => Promise.resolve(pair.url) };
    world = await WriterWorld.begin({ postgres, redis, nats, durable: true }, () => ({ standbysMin: 1 }));
    world.startWriter();
    await decide(20);
    await world.drained();
  });

  afterEach(async () => {
    await world.dispose();
    await pair.dispose();
  });

  function decide(count: number): Promise<void> {
    const batches = Array.from({ length: count }, (_, index) =>
      world.source.close([world.source.entry(String(1 + (index % 5)), 30)]),
    );
    return world.decideAndPublish(batches);
  }

  async function isWhole(): Promise<void> {
    await world.drained();
    expect(await world.differences()).toEqual([]);
  }

  const tookOver = (): string[] => pair.lines.filter((line) => line.includes("takes over"));

  test("the primary frozen: it is killed, the standby takes over, and the former one follows it", async () => {
    await decide(20);
    const frozen = processesIn(first.folder);
    pair.signal(first, "SIGSTOP");
    await decide(20);
    await pair.says(/^postgres-1 does not answer: it is ended, and postgres-2 takes over\.$/);
    await pair.says(/^postgres-2 is the primary now\.$/);
    await decide(20);
    await pair.isPrimary(second);
    await isWhole();
    expect(processesIn(first.folder).filter((pid) => frozen.includes(pid))).toEqual([]);
    expect(readPrimary(pair.plan.tools.path)).toBe("postgres-2");
    // And the other way round.
    pair.signal(second, "SIGSTOP");
    await decide(20);
    await pair.isPrimary(first);
    await isWhole();
  });

  test("the primary's folder lost: the standby takes over, and a copy of it is made", async () => {
    rmSync(first.folder, { recursive: true, force: true });
    pair.signal(first, "SIGKILL");
    await decide(20);
    await pair.says(/^postgres-1 is copied anew from postgres-2: its folder is missing, or half-made\.$/);
    await pair.isPrimary(second);
    await pair.says(/^postgres-1 follows postgres-2\.$/);
    // Once, and in words. Where the server's user is another one it is opened for it; else the server says it itself.
    expect(pair.lines.filter((line) => line.includes("ENOENT"))).toEqual([]);
    expect(pair.lines.filter((line) => line.includes("is missing.")).length).toBeLessThan(2);
    await isWhole();
    expect(existsSync(join(first.folder, "standby.signal"))).toBe(true);
  });

  test("the primary killed: it is started again, as the primary", async () => {
    pair.signal(first, "SIGKILL");
    await decide(20);
    await isWhole();
    await pair.isPrimary(first);
    expect(tookOver()).toEqual([]);
  });

  test("the standby killed, and its folder lost: it is started again, or copied anew", async () => {
    pair.signal(second, "SIGKILL");
    await decide(20);
    await isWhole();
    rmSync(second.folder, { recursive: true, force: true });
    pair.signal(second, "SIGKILL");
    await decide(20);
    await pair.isPrimary(first);
    await isWhole();
    expect(tookOver()).toEqual([]);
  });

  test("both killed, the former primary among them: nothing is lost", async () => {
    for (let round = 0; round < 3; round += 1) {
      for (const node of [first, second]) pair.signal(node, "SIGKILL");
      await decide(20);
      await isWhole();
    }
  });

  test("a take-over that was interrupted is completed by the next start, and a lost folder is no new ledger", async () => {
    await pair.stop();
    // As far as a supervisor came that was killed before it promoted.
    writePrimary(pair.plan.tools.path, second);
    await pair.start();
    await pair.isPrimary(second);
    await decide(20);
    await isWhole();
    await pair.stop();
    rmSync(second.folder, { recursive: true });
    await pair.start();
    await pair.isPrimary(first);
    await decide(20);
    await isWhole();
    // Started again as it is, it stays.
    await pair.stop();
    await pair.start();
    await pair.isPrimary(first);
    await decide(20);
    await isWhole();
    expect(dirname(first.folder)).toBe(pair.plan.tools.path);
  });
});
