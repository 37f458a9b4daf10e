import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { auditCluster } from "../../src/audit/audit-cluster.ts";
import { z } from "zod";
import { call } from "../support/api.ts";
import { LoadedCluster } from "../support/loaded-cluster.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { Random, testSeed } from "../support/random.ts";

failOnLeaks();
setDefaultTimeout(60_000);

const seed = testSeed();
const AUDITS = 24;
const made = z.object({ id: z.string() });

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

  /** Transactions and holds on accounts of their own, some of which end, until it is told to stop. */
  function moveMoney(): { stop: () => Promise<void> } {
    const { url } = system.cluster;
    const random = new Random(seed + 1);
    const state = { stopped: false };
    const post = async (path: string, body: object): Promise<string> => {
      const answer = await call(url, "POST", path, body).catch(() => null);
      return made.safeParse(answer?.body).data?.id ?? "";
    };
    const run = async (tag: string): Promise<void> => {
      const [payer, payee] = [`{${tag}}payer`, `{${tag}}payee`];
      for (const id of [payer, payee]) await post("/v1/accounts", { id, unit: "BRL/2", credit_limit: 500 });
      while (!state.stopped) {
        const postings = [
          { from: payer, to: payee, amount: 2 },
          { from: payee, to: payer, amount: random.integer(1, 2) },
        ];
        const transaction = await post("/v1/transactions", {
          postings,
          description: "more than ten letters",
        });
        if (random.chance(50)) await post(`/v1/transactions/${transaction}/reversal`, {});
        const hold = { from: payer, to: payee, amount: 1, expires_in: random.pick([1, 1, 600]) };
        const id = await post("/v1/holds", { ...hold, metadata: { "9": "a", b: "ü" } });
        if (random.chance(40)) await post(`/v1/holds/${id}/capture`, random.chance(50) ? {} : { amount: 0 });
        else if (random.chance(30)) await post(`/v1/holds/${id}/release`, {});
        await Bun.sleep(10);
      }
    };
    const running = Promise.all(["a", "b", "c"].map(run));
    return {
      stop: async () => {
        state.stopped = true;
        await running;
      },
    };
  }

  test("find nothing, many times, with entries, openings, changes of limits, transactions and holds going on; nor with a lagging writer", async () => {
    const { cluster } = system;
    const load = await system.load();
    const disturbance = disturb();
    const moves = moveMoney();
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
      await moves.stop();
      await load.stop();
    }
    expect(outboxEntries).toBeGreaterThan(0);
    await system.settle(load);
    await system.books.drained();
    const quiet = await auditCluster(options);
    expect(quiet).toMatchObject({ agreed: true, counts: { outboxEntries: 0 } });
    expect(quiet.counts.accounts).toBeGreaterThan(AUDITS);
    expect(quiet.counts.statements).toBe(quiet.counts.accounts);
    const [{ states, reversals } = { states: "", reversals: 0 }] = await system.books.sql<
      { states: string; reversals: number }[]
    >`SELECT string_agg(DISTINCT state, ' ' ORDER BY state) AS states, (SELECT count(*) FROM reversals) AS reversals FROM holds`;
    expect(states).toBe("captured expired open released");
    expect(reversals).toBeGreaterThan(10);
  }, 400_000);
});
