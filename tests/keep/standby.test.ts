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
import postgres from "postgres";
import type { Batch } from "../../src/carry/batch.ts";
import { eventually } from "../support/eventually.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { type NatsServer, startNats } from "../support/servers/nats.ts";
import { type PostgresPair, startPostgresPair } from "../support/servers/postgres-pair.ts";
import type { PostgresServer } from "../support/servers/postgres.ts";
import { type RedisServer, startRedis } from "../support/servers/redis.ts";
import { WriterWorld } from "../support/writer-under-test.ts";

/** The writer where PostgreSQL has a synchronous standby: what it removes from the outbox is on both. */

setDefaultTimeout(120_000);

const UNCONFIRMED = /PostgreSQL cannot be used .*: what is answered waits in the outbox/;

describe.skipIf(serversMissing !== null)("books with a standby", () => {
  let redis: RedisServer;
  let nats: NatsServer;
  let pair: PostgresPair;
  let world: WriterWorld;

  beforeAll(async () => {
    [redis, nats] = await Promise.all([startRedis(), startNats()]);
  });

  afterAll(() => Promise.all([redis.process.dispose(), nats.process.dispose()]));

  beforeEach(async () => {
    pair = await startPostgresPair();
    const servers = { postgres: pair.first, redis, nats, durable: false };
    world = await WriterWorld.begin(servers, (url) => ({
      databaseUrl: pair.urlOf(new URL(url).pathname.slice(1)),
      standbysMin: 1,
    }));
  });

  afterEach(async () => {
    await world.dispose();
    await pair.dispose();
  });

  function decide(count: number): Promise<void> {
    const batches: Batch[] = Array.from({ length: count }, (_, index) =>
      world.source.close([world.source.entry(String(1 + (index % 5)), 30)]),
    );
    return world.decideAndPublish(batches);
  }

  async function keptSome(): Promise<void> {
    world.startWriter();
    await decide(20);
    await world.drained();
  }

  const says = (line: RegExp) =>
    eventually(
      `a writer says ${line}`,
      () => world.lines.some((each) => line.test(each)),
      () => world.lines,
    );

  /** Sessions whose commit waits for a standby. */
  async function waiting(server: PostgresServer): Promise<number[]> {
    const rows = await ask<{ pid: number }>(
      server,
      "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'",
    );
    return rows.map(({ pid }) => pid);
  }

  const waits = (server: PostgresServer) =>
    eventually("a commit waits", async () => (await waiting(server)).length > 0);

  /** Several looks at the outbox later, and attempts to prove that a standby follows. */
  async function trimsNothing(outbox: readonly number[]): Promise<void> {
    const proofs = () => world.lines.filter((line) => UNCONFIRMED.test(line)).length;
    await eventually("the writer says that nothing confirms it", () => proofs() > 0);
    await Bun.sleep(1_500);
    expect(await world.outbox()).toEqual([...outbox]);
  }

  async function isWhole(): Promise<void> {
    await world.drained();
    expect(await world.differences()).toEqual([]);
  }

  test("the primary killed, and the standby promoted: it has all that was removed from the outbox", async () => {
    await keptSome();
    // Some of it is on its way to the books.
    for (let times = 0; times < 30; times += 1) await decide(10);
    await pair.first.process.kill();
    const left = await world.outbox();
    const removed = (left[0] ?? world.source.g + 1) - 1;
    await pair.promote(pair.second);
    await eventually("the books can be read", async () => (await world.lastG()) >= 0);
    expect(await world.lastG()).toBeGreaterThanOrEqual(removed);
    await decide(20);
    // It has no standby yet.
    await trimsNothing(await world.outbox());
    await pair.rejoin(pair.first);
    await isWhole();
  });

  test("the standby killed: nothing is removed, few sessions wait, and it goes on where it was", async () => {
    await keptSome();
    await pair.second.process.kill();
    await decide(20);
    await waits(pair.first);
    await trimsNothing(range(21, 40));
    await says(/no standby confirms|gave no answer/);
    // Each attempt would leave a session, until no more are taken.
    expect((await waiting(pair.first)).length).toBeLessThanOrEqual(2);
    await pair.second.process.start();
    await isWhole();
  });

  test("what no standby has, and a restart makes visible, is not removed until a standby has it", async () => {
    await keptSome();
    await pair.second.process.kill();
    await decide(20);
    await waits(pair.first);
    expect(await world.lastG()).toBe(20);
    await pair.first.process.kill();
    await pair.first.process.start();
    await eventually("it is visible", async () => (await world.lastG()) > 20);
    await trimsNothing(range(21, 40));
    await pair.second.process.start();
    await isWhole();
  });

  test("a wait that is cancelled by hand: what it was for is not removed until a standby has it", async () => {
    await keptSome();
    await pair.second.process.kill();
    await decide(20);
    await waits(pair.first);
    for (const pid of await waiting(pair.first)) await ask(pair.first, `SELECT pg_cancel_backend(${pid})`);
    await eventually("it is visible", async () => (await world.lastG()) > 20);
    await trimsNothing(range(21, 40));
    await pair.second.process.start();
    await isWhole();
  });

  test("both killed, and back in either order", async () => {
    await keptSome();
    for (const order of [
      [pair.first, pair.second],
      [pair.second, pair.first],
    ]) {
      for (const { process } of order) await process.kill();
      await decide(20);
      for (const { process } of order) await process.start();
      await isWhole();
    }
  });

  test("a former primary that is back as it was: a writer that finds it first removes nothing by it", async () => {
    await keptSome();
    await pair.first.process.kill();
    await pair.promote(pair.second);
    await decide(20);
    await pair.first.process.start();
    expect(new URL(firstHostOf(world.config.databaseUrl)).port).toBe(String(pair.first.process.port));
    // This one connects to the first of its hosts, and takes it for a primary.
    world.startWriter();
    await trimsNothing(range(21, 40));
    expect(await cursorOf(pair.first)).toBeLessThanOrEqual(40);
    await pair.first.process.kill();
    await pair.rejoin(pair.first);
    await isWhole();
  });

  test("a server that waits for no standby any more: nothing is kept in it until it does", async () => {
    await keptSome();
    await ask(pair.first, "ALTER SYSTEM SET synchronous_standby_names = ''");
    await ask(pair.first, "SELECT pg_reload_conf()");
    await says(/PostgreSQL does not wait for a standby, which MIN_STANDBYS asks for: .*: nothing is kept/);
    await decide(20);
    await Bun.sleep(500);
    expect([await world.lastG(), await world.outbox()]).toEqual([20, range(21, 40)]);
    await ask(pair.first, "ALTER SYSTEM SET synchronous_standby_names = 'FIRST 1 (postgres_2)'");
    await ask(pair.first, "SELECT pg_reload_conf()");
    await isWhole();
  });

  async function cursorOf(server: PostgresServer): Promise<number> {
    const database = new URL(firstHostOf(world.config.databaseUrl)).pathname;
    const [row] = await ask<{ last_g: string }>(server, "SELECT last_g FROM cursors", database);
    return Number(row?.last_g);
  }
});

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

function firstHostOf(url: string): string {
  return url.replace(/,[^/]*/, "");
}

async function ask<Row>(server: PostgresServer, statement: string, database = "/postgres"): Promise<Row[]> {
  const sql = postgres(server.url.replace(/\/postgres$/, database), { max: 1, onnotice: () => {} });
  try {
    return await sql.unsafe<(Row & object)[]>(statement);
  } finally {
    await sql.end({ timeout: 1 });
  }
}
