import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { serversMissing } from "../support/servers/binaries.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { testSeed } from "../support/random.ts";
import { eventually } from "../support/eventually.ts";
import type { ServerProcess } from "../support/servers/server-process.ts";
import { LoadedCluster } from "../support/loaded-cluster.ts";

failOnLeaks();
setDefaultTimeout(60_000);

const KILLS = 3;
const LAG_TRANSACTIONS = 100;
const LAG_MILLISECONDS_MAX = 5_000;
const seed = testSeed();

describe.skipIf(serversMissing !== null)(`the writers, under load (seed ${seed})`, () => {
  let system: LoadedCluster;
  beforeAll(async () => {
    system = await LoadedCluster.start(seed, { writers: 2, durable: true });
  });
  afterAll(() => system.dispose());

  test("with everything up, what was answered is in the books a moment later", async () => {
    const { cluster, books, journal } = system;
    const load = await system.load();
    const answered = new Map<number, number>();
    const lags: number[] = [];
    const watch = async (): Promise<void> => {
      let seen = 0;
      while (seen < LAG_TRANSACTIONS) {
        const [row] = await books.sql<{ seq: number }[]>`SELECT seq FROM accounts WHERE account = '3'`;
        const now = performance.now();
        for (; seen < (row?.seq ?? 0); seen += 1) lags.push(now - (answered.get(seen + 1) ?? now));
        const [oldest] = answered.entries().drop(seen);
        if (oldest !== undefined) expect(now - oldest[1]).toBeLessThan(LAG_MILLISECONDS_MAX);
        await Bun.sleep(5);
      }
    };
    const watching = watch();
    for (let seq = 1; seq <= LAG_TRANSACTIONS; seq += 1) {
      await journal.transact(cluster.url, { account: "3", tipo: "c", valor: 1, key: null });
      answered.set(seq, performance.now());
      await Bun.sleep(10);
    }
    await watching;
    await load.stop();
    lags.sort((a, b) => a - b);
    const [p50, p99] = [0.5, 0.99].map((share) => lags[Math.floor(share * lags.length)]?.toFixed(0));
    console.log(`from the answer to the books: p50 ${p50} ms, p99 ${p99} ms`);
    expect(load.failures).toEqual([]);
    await system.check();
  });

  test("the active writer killed, with a second one: that one takes over, rows once and in order", async () => {
    const { writers } = system.cluster;
    const load = await system.load();
    for (let kill = 0; kill < KILLS; kill += 1) {
      const active = await activeOf(writers);
      const other = writers.find((writer) => writer !== active);
      await active.kill();
      await eventually("the other one is active", async () => isActive(other));
      await Bun.sleep(200);
      await active.start();
      expect(await isActive(active)).toBe(false);
    }
    await load.stop();
    expect(load.failures).toEqual([]);
    await system.check();
  });

  test("all writers killed, and started again: rows once and in order", async () => {
    const { writers } = system.cluster;
    const load = await system.load();
    for (let kill = 0; kill < KILLS; kill += 1) {
      await Promise.all(writers.map((writer) => writer.kill()));
      await Bun.sleep(300);
      await Promise.all(writers.map((writer) => writer.start()));
      await Bun.sleep(500);
    }
    await load.stop();
    expect(load.failures).toEqual([]);
    await system.check();
  });
});

async function activeOf(writers: readonly ServerProcess[]): Promise<ServerProcess> {
  let active: ServerProcess | undefined;
  await eventually("one is active", async () => {
    const states = await Promise.all(writers.map(isActive));
    active = writers.find((_, index) => states[index]);
    return active !== undefined;
  });
  if (active === undefined) throw new Error("none is active");
  return active;
}

/** As it says itself; a log begins anew with each start. */
async function isActive(writer: ServerProcess | undefined): Promise<boolean> {
  if (writer === undefined) return false;
  return (await Bun.file(writer.logFile).text()).includes("this writer is active");
}
