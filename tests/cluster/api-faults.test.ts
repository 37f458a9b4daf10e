import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { bounds } from "../../src/bounds.ts";
import { call } from "../support/api.ts";
import type { Cluster } from "../support/cluster.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import type { ServerProcess } from "../support/servers/server-process.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { testSeed } from "../support/random.ts";
import { LoadedCluster } from "../support/loaded-cluster.ts";
import { untilCallWaits } from "../support/servers/waiting-bytes.ts";

failOnLeaks();
setDefaultTimeout(60_000);

const KILLS = 6;
const seed = testSeed();

/**
 * kill -9, while what the API has sent waits at Redis: it is applied when nobody is left to answer it. Redis is frozen for no
 * longer than that takes, since requests have a deadline.
 */
async function killWithCallSent(
  { redis }: Cluster,
  api: ServerProcess | undefined,
  bytes?: number,
): Promise<void> {
  redis.process.signal("SIGSTOP");
  await untilCallWaits(redis, bytes);
  api?.signal("SIGKILL");
  redis.process.signal("SIGCONT");
  await api?.kill();
}

describe.skipIf(serversMissing !== null)(
  `HAProxy that fills one API first, under load (seed ${seed})`,
  () => {
    test("the API that has all requests killed: no request fails, and none is applied twice", async () => {
      const system = await LoadedCluster.start(seed, { roundRobin: false });
      try {
        const { cluster } = system;
        const load = await system.load(200);
        for (let kill = 0; kill < KILLS; kill += 1) {
          await killWithCallSent(cluster, cluster.apis[0]);
          await Bun.sleep(200);
          await cluster.apis[0]?.start();
          await cluster.balanced();
        }
        await load.stop();
        expect(load.failures).toEqual([]);
        expect(load.statements.failed).toBe(0);
        await system.check();
      } finally {
        await system.dispose();
      }
    });
  },
);

/**
 * One that HAProxy can keep to send it again, and one that is far larger than its buffer; and how much waits at Redis once a
 * call with commands of it does: all of the short one; the first command alone of the other one.
 */
const BATCHES = [
  { what: "a short batch without a key", commands: 20, note: "", key: null, isResent: true, bytes: 2_000 },
  {
    what: "a batch of 200 KiB with a key",
    commands: 500,
    note: "n".repeat(200),
    key: "big",
    isResent: false,
    bytes: 600,
  },
] as const;

describe.skipIf(serversMissing !== null)("the API killed that has a batch", () => {
  for (const { what, commands, note, key, isResent, bytes } of BATCHES)
    test(`${what}: each of its commands is applied once`, async () => {
      const system = await LoadedCluster.start(seed, { roundRobin: false });
      try {
        const { cluster } = system;
        const metadata = { note, more: note };
        const body = {
          atomic: false,
          commands: Array.from({ length: commands }, () => ({
            op: "transaction",
            body: {
              postings: [{ from: "@world", to: "1", amount: 1 }],
              ...(note === "" ? {} : { metadata }),
            },
          })),
        };
        expect(JSON.stringify(body).length > 200 * 1024).toBe(!isResent);
        const send = () => call(cluster.url, "POST", "/v1/batches", body, key).catch(() => null);
        cluster.redis.process.signal("SIGSTOP");
        const sent = send();
        await killWithCallSent(cluster, cluster.apis[0], bytes);
        let answer = await sent;
        expect(answer?.status ?? 503).toBe(isResent ? 200 : 503);
        if (!isResent) {
          expect(answer === null || Object(answer.body).outcome === "unknown").toBe(true);
          answer = await send();
          // What Redis had of it is told again.
          expect(Object(answer?.body).results.some(({ replayed = false }) => replayed)).toBe(true);
        }
        const statuses = Object(answer?.body).results.map(({ status }: { status: number }) => status);
        expect(statuses).toEqual(Array.from({ length: commands }, () => 201));
        const account = await call(cluster.url, "GET", "/v1/accounts/1");
        expect(account.body).toMatchObject({ balance: commands, seq: commands });
        await system.books.drained();
        expect(await system.books.faults()).toEqual([]);
      } finally {
        await system.dispose();
      }
    });
});

describe.skipIf(serversMissing !== null)(`HAProxy and the APIs, under load (seed ${seed})`, () => {
  let system: LoadedCluster;
  beforeAll(async () => {
    system = await LoadedCluster.start(seed);
  });
  afterAll(() => system.dispose());

  test("an API killed: no request fails, and none is applied twice", async () => {
    const { cluster } = system;
    const load = await system.load(200);
    for (let kill = 0; kill < KILLS; kill += 1) {
      const api = cluster.apis[kill % cluster.apis.length];
      await killWithCallSent(cluster, api);
      await Bun.sleep(200);
      await api?.start();
      await cluster.balanced();
    }
    await load.stop();
    expect(load.failures).toEqual([]);
    expect(load.statements.failed).toBe(0);
    await system.check();
  });

  test("the APIs restarted in order, one after the other: no request fails", async () => {
    const { cluster } = system;
    const load = await system.load();
    for (const api of cluster.apis) {
      await api.stop();
      expect(await api.exited).toBe(0);
      await api.start();
      await cluster.balanced();
    }
    await load.stop();
    expect(load.failures).toEqual([]);
    expect(load.statements.failed).toBe(0);
    await system.check();
  });

  for (const { milliseconds, what } of [
    { milliseconds: bounds.decision_milliseconds_max + 500, what: "requests wait" },
    { milliseconds: bounds.redis_silence_milliseconds_max + 500, what: "a silent Redis is waited for" },
  ]) {
    test(`an API frozen for longer than ${what}: it goes on with what Redis has answered meanwhile`, async () => {
      const { cluster, journal } = system;
      const [api] = cluster.apis;
      const url = cluster.apiUrl(0);
      cluster.redis.process.signal("SIGSTOP");
      const unknown = journal.count("unknown");
      const asked = [
        ...Array.from({ length: 5 }, () =>
          journal.transact(url, { account: "1", tipo: "c", valor: 1, key: null }),
        ),
        call(url, "GET", "/clientes/1/extrato"),
      ];
      await untilCallWaits(cluster.redis);
      api?.signal("SIGSTOP");
      cluster.redis.process.signal("SIGCONT");
      await Bun.sleep(milliseconds);
      api?.signal("SIGCONT");
      expect((await Promise.all(asked)).at(-1)).toMatchObject({ status: 200 });
      expect(journal.count("unknown")).toBe(unknown);
      await cluster.balanced();
      await system.check();
    });
  }

  test("HAProxy killed: what was answered stands, and the rest is settled by its key", async () => {
    const { cluster } = system;
    const load = await system.load();
    await cluster.haproxy?.kill();
    await Bun.sleep(300);
    await cluster.haproxy?.start();
    await Bun.sleep(500);
    await load.stop();
    expect(load.failures.length).toBeGreaterThan(0);
    await system.settle(load);
    await system.check();
  });
});
