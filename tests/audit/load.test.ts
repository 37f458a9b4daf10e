import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { auditCluster } from "../../src/audit/audit-cluster.ts";
import { LoadedCluster } from "../support/loaded-cluster.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { Random, testSeed } from "../support/random.ts";

failOnLeaks();
setDefaultTimeout(60_000);

const seed = testSeed();
const AUDITS = 24;

describe.skipIf(serversMissing !== null)(`audits under load (seed ${seed})`, () => {
  let system: LoadedCluster;
  beforeAll(async () => {
    system = await LoadedCluster.start(seed, { shards: 2, writers: 2 });
  });
  afterAll(() => system.dispose());

  /** Opens accounts and changes limits, back and forth, until it is told to stop. */
  function disturb(): { stop: () => Promise<void> } {
    const { cluster, journal } = system;
    const random = new Random(seed);
    const state = { stopped: false };
    const run = async (): Promise<void> => {
      const opened: string[] = [];
      while (!state.stopped) {
        await journal.open(cluster.url, random.integer(0, 1000));
        const id = journal.openings.at(-1)?.id;
        if (typeof id === "string") opened.push(id);
        if (opened.length === 0) continue;
        const account = random.pick(opened);
        for (const limite of [500, 600, 500]) await journal.changeLimit(cluster.url, account, limite);
        // Each audit reads the whole feed: with more and more in it, each would take longer than the one before.
        await Bun.sleep(20);
        const valor = random.integer(1, 9);
        await journal.transact(cluster.url, {
          account,
          tipo: random.chance(50) ? "c" : "d",
          valor,
          key: null,
        });
      }
    };
    const running = run();
    return {
      stop: async () => {
        state.stopped = true;
        await running;
      },
    };
  }

  test("find nothing, many times, with entries, openings and changes of limits going on; nor with a lagging writer", async () => {
    const { cluster } = system;
    const load = await system.load();
    const disturbance = disturb();
    const options = {
      databaseUrl: cluster.databaseUrl,
      redisUrl: cluster.redis.url,
      natsUrl: cluster.nats.url,
    };
    let outboxEntries = 0;
    try {
      for (let audit = 0; audit < AUDITS; audit += 1) {
        // Now and then the outbox grows, and is caught up with while an audit goes on.
        if (audit % 8 === 4) for (const writer of cluster.writers) writer.signal("SIGSTOP");
        if (audit % 8 === 7) for (const writer of cluster.writers) writer.signal("SIGCONT");
        const report = await auditCluster(options);
        expect(report.findings).toEqual([]);
        outboxEntries = Math.max(outboxEntries, report.counts.outboxEntries);
      }
    } finally {
      for (const writer of cluster.writers) writer.signal("SIGCONT");
      await disturbance.stop();
      await load.stop();
    }
    expect(outboxEntries).toBeGreaterThan(0);
    expect(load.failures).toEqual([]);
    await Promise.all([0, 1].map(async (shard) => drained(shard)));
    const quiet = await auditCluster(options);
    expect(quiet).toMatchObject({ agreed: true, counts: { outboxEntries: 0 } });
    expect(quiet.counts.accounts).toBeGreaterThan(AUDITS);
    expect(quiet.counts.statements).toBe(quiet.counts.accounts);
  }, 180_000);

  async function drained(shard: number): Promise<void> {
    const outbox = `razonete:{${shard}}:outbox`;
    while ((await system.cluster.redisCommand("XLEN", outbox)) !== 0) await Bun.sleep(20);
  }
});
