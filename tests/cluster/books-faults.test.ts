import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { DIVERGENCE_EXIT_CODE } from "../../src/keep/divergence.ts";
import { call, isNotDone } from "../support/api.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { testSeed } from "../support/random.ts";
import { eventually } from "../support/eventually.ts";
import { LoadedCluster } from "../support/loaded-cluster.ts";
import { SteadyMachine } from "../support/pace/steady-machine.ts";
import type { SteadyLoad } from "../support/steady-load.ts";

failOnLeaks();
setDefaultTimeout(60_000);

const OUTBOX_BATCHES_MAX = 150;
/** The balancer gives an API 3 s. */
const HISTORY_MILLISECONDS_MAX = 3_000;
const seed = testSeed();

describe.skipIf(serversMissing !== null)(`PostgreSQL away, under load (seed ${seed})`, () => {
  let system: LoadedCluster;
  beforeAll(async () => {
    const environment = { OUTBOX_BATCHES_MAX: String(OUTBOX_BATCHES_MAX) };
    system = await LoadedCluster.start(seed, { environment, durable: true, writers: 2 });
  });
  afterAll(() => system.dispose());

  /** Until transactions are turned away, and statements are not. */
  async function full(load: SteadyLoad): Promise<void> {
    const turnedAway = () => load.attempts.filter(({ known }) => known.type === "not-done").length;
    await eventually("transactions are turned away", () => turnedAway() > 20);
    const { answered } = load.statements;
    await eventually("statements go on", () => load.statements.answered > answered + 10);
    expect((await system.books.outbox()).length).toBe(OUTBOX_BATCHES_MAX);
    expect(load.statements.failed).toBe(0);
  }

  /** Until all is as it was before, without anybody's help. */
  async function recovered(load: SteadyLoad): Promise<void> {
    await eventually(
      "the outbox drains",
      async () => (await system.books.outbox()).length < OUTBOX_BATCHES_MAX / 2,
    );
    const before = load.attempts.length;
    await eventually("the load goes on", () => load.attempts.length > before + 10);
    await load.stop();
    const after = load.attempts.slice(before);
    expect(load.failures.filter((attempt) => after.includes(attempt))).toEqual([]);
    // Everyone who got no transaction was told that nothing was changed.
    expect(load.failures.filter(({ known }) => known.type !== "not-done")).toEqual([]);
    expect(load.statements.failed).toBe(0);
    await system.settle(load);
    await system.check();
  }

  /** A history that can only come from the books is a clean 503, in good time. */
  async function historyIsRefused(): Promise<void> {
    using machine = new SteadyMachine();
    const begun = performance.now();
    const answer = await call(system.cluster.url, "GET", "/v1/accounts/1/entries");
    const took = performance.now() - begun;
    expect(answer.status).toBe(503);
    expect(answer.headers.get("retry-after")).toBe("1");
    expect(isNotDone(answer)).toBe(true);
    if (machine.hasRun("how soon a history is refused")) expect(took).toBeLessThan(HISTORY_MILLISECONDS_MAX);
  }

  test("PostgreSQL killed: answers until the outbox is full, then 503 for transactions alone, then it drains", async () => {
    const { postgres } = system.cluster;
    const load = await system.load();
    await postgres.process.kill();
    await historyIsRefused();
    await full(load);
    await historyIsRefused();
    await postgres.process.start();
    await recovered(load);
  });

  test("PostgreSQL stopped in order: the same", async () => {
    const { postgres } = system.cluster;
    const load = await system.load();
    await postgres.process.stop();
    await full(load);
    await postgres.process.start();
    await recovered(load);
  });

  test("PostgreSQL frozen: the same, and a history is refused as soon", async () => {
    const { postgres } = system.cluster;
    const load = await system.load();
    postgres.freeze();
    try {
      await historyIsRefused();
      await full(load);
    } finally {
      postgres.thaw();
    }
    await recovered(load);
  });

  test("PostgreSQL without fsync, from some moment on: no API is ready, and nothing is kept, until it has it again", async () => {
    const { cluster, books } = system;
    const load = await system.load();
    await books.sql.unsafe("ALTER SYSTEM SET fsync = off");
    await books.sql`SELECT pg_reload_conf()`;
    for (const index of cluster.apis.keys()) {
      await eventually("the API says why it is not ready", async () => {
        const { status, body } = await call(cluster.apiUrl(index), "GET", "/readyz");
        return (
          status === 503 && JSON.stringify(body).includes("set fsync on (it is off), or DURABILITY=relaxed")
        );
      });
    }
    await load.stop();
    await books.sql.unsafe("ALTER SYSTEM SET fsync = on");
    await books.sql`SELECT pg_reload_conf()`;
    await cluster.balanced();
    await system.settle(load);
    await system.check();
  });

  test("a row in the books that differs: every writer stops with an alarm, the APIs go on until the outbox is full, and once it is put right all goes on", async () => {
    const { cluster, books, journal } = system;
    await books.sql`
      INSERT INTO entries (account, seq, kind, value, balance, credit_limit, description, command, time, shard, g, event)
      VALUES ('2', 1, 'credit', 7, 7, 80000, 'odd', 'req:odd', 1, 0, 0, 0)`;
    const load = await system.load();
    const entries = await books.entries();
    const wanted = { account: "2", tipo: "c", valor: 5, key: null } as const;
    await journal.transact(cluster.url, wanted);
    expect(journal.attempts.findLast(({ account }) => account === "2")?.known.type).toBe("accepted");
    for (const writer of cluster.writers) {
      expect(await writer.exited).toBe(DIVERGENCE_EXIT_CODE);
      const alarms = (await Bun.file(writer.logFile).text())
        .split("\n")
        .filter((line) => line.includes("ALARM"));
      expect(alarms).toHaveLength(1);
      expect(alarms[0]).toContain("account 2, seq 1");
      expect(alarms[0]).toContain('docs/operations.md, "After an alarm"');
    }
    await full(load);
    // The odd row stands, and nothing of the batch that it contradicts was kept.
    const kept = await books.entries();
    expect(kept.filter(({ account }) => account === "2")).toMatchObject([{ description: "odd" }]);
    expect(kept.length).toBeGreaterThanOrEqual(entries.length);
    // It breaks its account's chain, and the journal does not know it.
    expect(await books.faults()).toHaveLength(2);
    // What was answered is still all there, in Redis.
    expect((await books.outbox()).g - (await books.lastG())).toBe(OUTBOX_BATCHES_MAX);

    // What docs/operations.md says of an alarm, where the books were changed.
    expect(cluster.run("audit").exitCode).toBe(1);
    await books.sql`DELETE FROM entries WHERE account = '2' AND seq = 1 AND command = 'req:odd'`;
    for (const writer of cluster.writers) await writer.start();
    await recovered(load);
    expect(cluster.run("audit").exitCode).toBe(0);
  });
});
