import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { shardOf } from "../../src/ledger/account-id.ts";
import { parseEvent } from "../../src/ledger/event.ts";
import { call } from "../support/api.ts";
import { Cluster } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { journalFaults } from "../support/kept-journal.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { Random, testSeed } from "../support/random.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { SteadyMachine } from "../support/pace/steady-machine.ts";
import { connectPostgres, type Sql } from "../../src/keep/postgres-client.ts";

failOnLeaks();
setDefaultTimeout(120_000);

const SHARDS = 3;
/** API.md: its expiry is an event of its own within 2 s. */
const LATE_MICROS_MAX = 2_000_000;
/** Until PostgreSQL has noticed that the active writer is gone, and the standby that it may take over. */
const TAKEOVER_MICROS_MAX = 2_000_000;
const HOLDS = 300;
const KILLS = 8;
const seed = testSeed();

/** No test here asks for a hold after it was made, nor for its account: nobody but the sweep can have ended it. */
describe.skipIf(serversMissing !== null)(`holds that nobody asks for (seed ${seed})`, () => {
  let cluster: Cluster;
  let sql: Sql;
  beforeAll(async () => {
    cluster = await Cluster.start({ writers: 2, shards: SHARDS, durable: true });
    sql = connectPostgres({ url: cluster.databaseUrl, name: "test", connections_max: 1 });
  });
  afterAll(async () => {
    await sql.end({ timeout: 1 });
    await cluster[Symbol.asyncDispose]();
  });

  const accounts = Array.from({ length: SHARDS }, (_, shard) => {
    const id = Array.from({ length: 100 }, (__, index) => `held-${index}`).find(
      (name) => shardOf(name, SHARDS) === shard,
    );
    return id ?? "";
  });

  async function hold(from: string, seconds: number): Promise<string> {
    const answer = await call(cluster.url, "POST", "/v1/holds", { from, amount: 1, expires_in: seconds });
    expect(answer.status).toBe(201);
    return String(Object(answer.body).id);
  }

  /** The holds that have ended by themselves, as the journal has it. */
  async function expired(): Promise<string[]> {
    const rows = await sql<{ text: string }[]>`SELECT unnest(events) AS text FROM journal ORDER BY shard, g`;
    return rows.flatMap(({ text }) => {
      const event = parseEvent(text);
      return event.type === "expiry" ? [event.hold] : [];
    });
  }

  /** How long after its time each hold ended, by the ledger's clock, once all of them have in the books. */
  async function lateness(ids: readonly string[]): Promise<number[]> {
    let ended: { readonly state: string; readonly late: number }[] = [];
    await eventually("the books have the end of every hold", async () => {
      ended = await sql<{ state: string; late: number }[]>`
        SELECT state, ended_at - expires_at AS late FROM holds
        WHERE state <> 'open' AND concat_ws('-', 'h' || shard, g, event) IN ${sql(ids.map(placeIn))}`;
      return ended.length === ids.length;
    });
    expect(new Set(ended.map(({ state }) => state))).toEqual(new Set(["expired"]));
    return ended.map(({ late }) => late);
  }

  test("each has its event within 2 s, also on shards that nobody uses", async () => {
    for (const id of accounts) {
      expect((await call(cluster.url, "POST", "/v1/accounts", { id, unit: "TOKENS" })).status).toBe(201);
      const postings = [{ from: "@world", to: id, amount: 10_000 }];
      expect((await call(cluster.url, "POST", "/v1/transactions", { postings })).status).toBe(201);
    }
    using machine = new SteadyMachine();
    const ids = await Promise.all(accounts.map((id) => hold(id, 2)));
    expect(new Set(ids.map((id) => id[1])).size).toBe(SHARDS);
    expectWithin(LATE_MICROS_MAX, await lateness(ids), machine);
  });

  test("the same where the active writer was killed meanwhile: the standby does it", async () => {
    using machine = new SteadyMachine();
    const ids = await Promise.all(accounts.map((id) => hold(id, 2)));
    const [writer] = (
      await Promise.all(
        cluster.writers.map(async (each) => ({
          each,
          leads: (await Bun.file(each.logFile).text()).match(/this writer is active/g)?.length ?? 0,
        })),
      )
    )
      .toSorted((a, b) => b.leads - a.leads)
      .map(({ each }) => each);
    await Bun.sleep(1_500);
    await writer?.kill();
    expectWithin(LATE_MICROS_MAX + TAKEOVER_MICROS_MAX, await lateness(ids), machine);
    await writer?.start();
  });

  test(`${HOLDS} holds while writers, APIs and Redis are killed: each ends once, and what was held is free`, async () => {
    const random = new Random(seed);
    const before = (await expired()).length;
    const ids: string[] = [];
    for (let index = 0; index < HOLDS; index += 1)
      ids.push(await hold(random.pick(accounts), random.integer(3, 10)));
    const victims = [...cluster.writers, ...cluster.apis, cluster.redis.process];
    for (let kill = 0; kill < KILLS; kill += 1) {
      const victim = random.pick(victims);
      await victim.kill();
      await Bun.sleep(random.integer(50, 600));
      await victim.start();
      await Bun.sleep(random.integer(50, 600));
    }
    await lateness(ids);
    const ended = await expired();
    expect(ended.length - before).toBe(HOLDS);
    expect(new Set(ended).size).toBe(ended.length);
    expect(new Set(ids).isSubsetOf(new Set(ended))).toBe(true);
    const rows =
      await sql`SELECT held::int AS held, balance::int AS balance FROM accounts WHERE unit = 'TOKENS'`;
    expect([...rows]).toEqual(accounts.map(() => ({ held: 0, balance: 10_000 })));
    expect(await journalFaults(sql)).toEqual([]);
    expect(cluster.run("audit").exitCode).toBe(0);
  });
});

/** None ended before its time; nor much later, where this machine has run meanwhile. */
function expectWithin(microsMax: number, late: readonly number[], machine: SteadyMachine): void {
  expect(Math.min(...late)).toBeGreaterThanOrEqual(0);
  if (machine.hasRun("how late holds end")) expect(Math.max(...late)).toBeLessThan(microsMax);
}

/** An id of a hold, without the microseconds at its end. */
function placeIn(id: string): string {
  return id.split("-").slice(0, 3).join("-");
}
