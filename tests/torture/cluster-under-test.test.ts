import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { z } from "zod";
import { natsOptions } from "../../src/carry/nats-address.ts";
import { STREAM } from "../../src/carry/feed.ts";
import { connectPostgres } from "../../src/keep/postgres-client.ts";
import { isFree } from "../../src/stack/ports.ts";
import { withRedis } from "../../src/stack/probes.ts";
import { ClusterStage } from "../../proof/torture/system/cluster-under-test.ts";
import type { FaultDone, Harm, Link } from "../../proof/torture/plan/fault.ts";
import { processNames } from "../../proof/torture/plan/plan-round.ts";
import { isFrozen } from "../../proof/torture/faults/process-tree.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { leftBehind } from "./support/left-behind.ts";

setDefaultTimeout(60_000);
failOnLeaks();

const PROCESSES = processNames(2, 2);

describe.skipIf(serversMissing !== null)("the stage of the torture", () => {
  const folder = temporaryFolder();
  let stage: ClusterStage;
  let number = 0;

  beforeAll(async () => {
    const faultKinds = ["kill", "stop", "net", "disk"] as const;
    stage = await ClusterStage.start({
      folder: folder.path,
      faultKinds,

      say: () => {},
    });
    for (const { what, reason } of stage.cannot) console.error(`SKIPPED, ${what}: ${reason}`);
  });

  afterAll(async () => {
    await stage.stop();
    folder[Symbol.dispose]();
  });

  const cannot = (what: string): boolean => stage.cannot.some((each) => each.what.includes(what));

  function harm(what: Harm, lastsMilliseconds: number): Promise<FaultDone> {
    number += 1;
    const fault = { number, kind: "kill", harm: what, afterMilliseconds: 0, lastsMilliseconds } as const;
    return stage.do(fault);
  }

  /** Answered 200, and kept in the end, or the test fails. */
  async function transact(): Promise<void> {
    const response = await fetch(`${stage.url}/clientes/1/transacoes`, {
      method: "POST",
      body: JSON.stringify({ valor: 1, tipo: "c", descricao: "stage" }),
    });
    await response.text();
    expect(response.status).toBe(200);
  }

  const redis = (...command: readonly string[]): Promise<unknown> =>
    withRedis(stage.plan.redisUrl, (client) => client.sendCommand([...command]));

  /** The books' latest batch. */
  async function cursor(): Promise<number> {
    const sql = connectPostgres({ url: stage.plan.databaseUrl, name: "test", connections_max: 1 });
    try {
      const [row] = await sql<{ last_g: number }[]>`SELECT last_g FROM cursors WHERE shard = 0`;
      return row?.last_g ?? -1;
    } finally {
      await sql.end({ timeout: 1 });
    }
  }

  const headG = async (): Promise<number> => Number(await redis("HGET", "razonete:{0}:head", "g"));

  /** How many connections a server has taken, without this one. */
  async function redisConnections(): Promise<number> {
    const stats = z.string().parse(await redis("INFO", "stats"));
    return Number(/total_connections_received:(\d+)/.exec(stats)?.[1]);
  }

  async function messagesInStream(): Promise<number> {
    const connection = await connect({ ...natsOptions(stage.plan.natsUrl), reconnect: false });
    try {
      return (await (await jetstreamManager(connection)).streams.info(STREAM)).state.messages;
    } catch {
      return 0;
    } finally {
      await connection.close();
    }
  }

  test("kills every process at once, and starts each again", async () => {
    const before = stage.pids;
    expect(Object.keys(before).toSorted()).toEqual(PROCESSES.toSorted());
    const done = harm({ type: "kill", processes: PROCESSES, againAfterMilliseconds: null }, 400);
    await eventually("all are down", () => Object.keys(stage.pids).length === 0);
    for (const url of [stage.url, stage.plan.redisUrl, stage.plan.natsUrl, stage.plan.databaseUrl]) {
      expect(await isFree(Number(new URL(url).port))).toBe(true);
    }
    expect(await done).toMatchObject({ skipped: null });
    expect(await stage.heal()).toEqual([]);
    const after = stage.pids;
    for (const name of PROCESSES) expect(after[name]).not.toBe(before[name]);
    expect(Object.values(stage.endsByThemselves)).toEqual(PROCESSES.map(() => 0));
    await transact();
  });

  test("kills once more while a process recovers", async () => {
    const seen = new Set<number | undefined>([stage.pids["postgres"]]);
    const done = harm({ type: "kill", processes: ["postgres"], againAfterMilliseconds: 100 }, 50);
    const over = new AbortController();
    const watching = (async () => {
      while (!over.signal.aborted) {
        seen.add(stage.pids["postgres"]);
        await Bun.sleep(2);
      }
    })();
    await done;
    await eventually("it runs", () => stage.pids["postgres"] !== undefined);
    over.abort();
    await watching;
    seen.add(stage.pids["postgres"]);
    seen.delete(undefined);
    expect(seen.size).toBe(3);
    expect(await stage.heal()).toEqual([]);
  });

  test("freezes processes with all that they have started, and thaws them", async () => {
    const { postgres = 0, redis: redisPid = 0 } = stage.pids;
    const children = Bun.spawnSync(["pgrep", "-P", String(postgres)])
      .stdout.toString()
      .trim()
      .split("\n")
      .map(Number);
    expect(children.length).toBeGreaterThan(3);
    const all = [postgres, redisPid, ...children];
    const done = harm({ type: "stop", processes: ["postgres", "redis"] }, 500);
    await eventually("all are frozen", () => all.every(isFrozen));
    await done;
    await eventually("none is frozen", () => !all.some(isFrozen));
    await stage.heal();
    expect(stage.pids).toMatchObject({ postgres, redis: redisPid });
  });

  test("undoes a harm only when the last of several lets go", async () => {
    const long = harm({ type: "kill", processes: ["redis"], againAfterMilliseconds: null }, 700);
    const frozen = harm({ type: "stop", processes: ["redis"] }, 300);
    const short = harm({ type: "kill", processes: ["redis"], againAfterMilliseconds: null }, 100);
    await short;
    expect(stage.pids["redis"]).toBeUndefined();
    await frozen;
    expect(stage.pids["redis"]).toBeUndefined();
    await long;
    expect(stage.pids["redis"]).toBeGreaterThan(0);

    // Frozen, then killed: the one that is started is not frozen.
    const still = harm({ type: "stop", processes: ["nats"] }, 400);
    await eventually("it is frozen", () => isFrozen(stage.pids["nats"] ?? 0));
    await harm({ type: "kill", processes: ["nats"], againAfterMilliseconds: 10 }, 50);
    expect(isFrozen(stage.pids["nats"] ?? 0)).toBe(false);
    await still;
    await stage.heal();
    await transact();
  });

  test("starts again what ends by itself, and counts it", async () => {
    const { "api-1": pid = 0 } = stage.pids;
    process.kill(pid, "SIGKILL");
    await eventually("it was started again", () => ![pid, undefined].includes(stage.pids["api-1"]));
    expect(stage.endsByThemselves).toMatchObject({ "api-1": 1, "api-2": 0 });
    await stage.heal();
  });

  test.each(["cut", "lose-replies"] as const)("%s breaks the connections of APIs to Redis", async (type) => {
    const before = await redisConnections();
    const what: Harm =
      type === "cut"
        ? { type, link: "api-redis", everyMilliseconds: 50 }
        : { type, link: "api-redis", everyBytes: 500 };
    const done = harm(what, 800);
    const over = new AbortController();
    const load = (async () => {
      while (!over.signal.aborted) await transact();
    })();
    expect(await done).toMatchObject({ skipped: null });
    over.abort();
    await load;
    // Two for these looks; what the APIs lost they made anew.
    expect((await redisConnections()) - before).toBeGreaterThan(6);
    await stage.heal();
    const healed = await redisConnections();
    for (let times = 0; times < 20; times += 1) await transact();
    expect((await redisConnections()) - healed).toBe(1);
  });

  test("holds what writers and PostgreSQL say to each other", async () => {
    await transact();
    await stage.heal();
    const before = await cursor();
    const done = harm({ type: "hold", link: "writer-postgres" }, 700);
    await transact();
    await Bun.sleep(400);
    expect(await cursor()).toBe(before);
    expect(await headG()).toBeGreaterThan(before);
    await done;
    await stage.heal();
    expect(await cursor()).toBe(await headG());
  });

  test.each<Link>(["api-nats", "api-redis", "writer-postgres"])(
    "every way can be cut and held: %s",
    async (link) => {
      const done = await Promise.all([
        harm({ type: "cut", link, everyMilliseconds: 30 }, 200),
        harm({ type: "lose-replies", link, everyBytes: 300 }, 300),
        harm({ type: "hold", link }, 250),
      ]);
      expect(done.map(({ skipped }) => skipped)).toEqual([null, null, null]);
      expect(await stage.heal()).toEqual([]);
    },
  );

  test("moves Redis's clock, and back", async () => {
    if (cannot("clock")) return;
    const ahead = async (): Promise<number> =>
      Number(z.array(z.string()).parse(await redis("TIME"))[0]) - Date.now() / 1000;
    const done = harm({ type: "clock", seconds: 100 }, 400);
    expect(Math.abs((await ahead()) - 100)).toBeLessThan(3);
    const more = harm({ type: "clock", seconds: -160 }, 200);
    expect(Math.abs((await ahead()) + 60)).toBeLessThan(3);
    await Promise.all([done, more]);
    expect(Math.abs(await ahead())).toBeLessThan(3);
    await transact();
  });

  test.each(["redis", "nats", "postgres"] as const)("fills the disk of %s, and frees it", async (name) => {
    if (cannot("disk")) return;
    const file = join(folder.path, "stack", name, "test-file");
    const write = (): void => writeFileSync(file, "x".repeat(100_000));
    write();
    rmSync(file);
    const done = harm({ type: "disk-full", process: name }, 300);
    expect(write).toThrow("ENOSPC");
    rmSync(file, { force: true });
    expect(await done).toMatchObject({ skipped: null });
    write();
    rmSync(file);
    expect(await stage.heal()).toEqual([]);
    await transact();
  });

  test("takes half of NATS's newest messages away, and then all", async () => {
    for (let times = 0; times < 30; times += 1) await transact();
    await eventually("they are in the stream", async () => (await messagesInStream()) > 30);
    const before = await messagesInStream();
    expect(await harm({ type: "nats-truncated" }, 50)).toMatchObject({ skipped: null });
    await stage.heal();
    const after = await messagesInStream();
    expect(after).toBeLessThan(before);
    expect(after).toBeGreaterThan(0);
    expect(await harm({ type: "nats-emptied" }, 50)).toMatchObject({ skipped: null });
    await stage.heal();
    expect(await messagesInStream()).toBeLessThan(after);
    await transact();
  });

  test.each<Harm>([
    { type: "redis-cut", bytes: 1_000 },
    { type: "redis-zeroed", bytes: 1_000 },
    { type: "redis-emptied" },
  ])("$type makes Redis forget, and it is restored", async (what) => {
    for (let times = 0; times < 20; times += 1) await transact();
    await eventually("the books hold it", async () => (await cursor()) === (await headG()));
    const before = await headG();
    expect(await harm(what, 100)).toMatchObject({ skipped: null });
    expect(await stage.heal()).toMatchObject([{ type: "restored", shards: [{ shard: 0, keptG: before }] }]);
    await transact();
  });

  test("reads the books whole", async () => {
    await transact();
    await stage.heal();
    const { accounts, entries, limits } = await stage.books();
    expect(accounts.map(({ account }) => account)).toEqual([1, 2, 3, 4, 5]);
    expect(limits[0]).toEqual({
      account: 1,
      version: 1,
      creditLimit: 100_000,
      afterSeq: 0,
      command: "initial",
    });
    expect(entries.map(({ seq }) => seq)).toEqual(entries.map((_, index) => index + 1));
    const last = entries.at(-1);
    expect(last).toMatchObject({
      account: 1,
      kind: "credit",
      value: 1,
      balance: entries.length,
      creditLimit: 100_000,
    });
    expect(last).toMatchObject({
      description: "stage",
      time: expect.any(Number),
      command: expect.any(String),
    });
  });

  test("what is not there is not harmed, and that is said", async () => {
    const { skipped } = await harm(
      { type: "kill", processes: ["writer-9"], againAfterMilliseconds: null },
      10,
    );
    expect(skipped).toBe("there is no writer-9");
  });

  // The last one.
  test("leaves nothing but its folder", async () => {
    const going = harm({ type: "stop", processes: ["postgres"] }, 50_000);
    await stage.stop();
    await going;
    expect(leftBehind(folder.path)).toEqual([]);
    for (const url of [stage.url, stage.plan.redisUrl, stage.plan.natsUrl, stage.plan.databaseUrl]) {
      expect(await isFree(Number(new URL(url).port))).toBe(true);
    }
    expect(await Bun.file(join(folder.path, "stack/postgres/PG_VERSION")).exists()).toBe(true);
    expect(await Bun.file(join(folder.path, "stack/logs/redis.log")).exists()).toBe(true);
  });
});
