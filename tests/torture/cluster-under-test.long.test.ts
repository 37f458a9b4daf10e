import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { createClient } from "@redis/client";
import { z } from "zod";
import { natsOptions } from "../../src/carry/nats-address.ts";
import { STREAM } from "../../src/carry/ensure-stream.ts";
import { connectPostgres } from "../../src/keep/postgres-client.ts";
import { isFree } from "../../src/stack/ports.ts";
import { withRedis } from "../../src/stack/probes.ts";
import { ClusterUnderTest } from "../../proof/torture/system/cluster-under-test.ts";
import type { FaultRecord, FaultAction, Link } from "../../proof/torture/plan/fault.ts";
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

const isThere = (pid: number): boolean => existsSync(`/proc/${pid}`);

describe.skipIf(serversMissing !== null)("the cluster under test", () => {
  const folder = temporaryFolder();
  let system: ClusterUnderTest;
  let number = 0;

  beforeAll(async () => {
    const faultKinds = ["kill", "stop", "net", "disk"] as const;
    system = await ClusterUnderTest.start({
      folder: folder.path,
      faultKinds,

      say: () => {},
    });
    for (const { what, reason } of system.unsupportedFaults) console.error(`SKIPPED, ${what}: ${reason}`);
  });

  afterAll(async () => {
    await system.stop();
    folder[Symbol.dispose]();
  });

  const isUnsupported = (what: string): boolean =>
    system.unsupportedFaults.some((each) => each.what.includes(what));

  function inject(action: FaultAction, lastsMilliseconds: number): Promise<FaultRecord> {
    number += 1;
    const fault = { number, kind: "kill", action, afterMilliseconds: 0, lastsMilliseconds } as const;
    return system.inject(fault);
  }

  /** Answered 200, and kept in the end, or the test fails. */
  async function transact(): Promise<void> {
    const response = await fetch(`${system.url}/clientes/1/transacoes`, {
      method: "POST",
      body: JSON.stringify({ valor: 1, tipo: "c", descricao: "stage" }),
    });
    await response.text();
    expect(response.status).toBe(200);
  }

  const redis = (...command: readonly string[]): Promise<unknown> =>
    withRedis(system.plan.redisUrl, (client) => client.sendCommand([...command]));

  /** The books' latest batch. */
  async function cursor(): Promise<number> {
    const sql = connectPostgres({ url: system.plan.databaseUrl, name: "test", connections_max: 1 });
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
    const connection = await connect({ ...natsOptions(system.plan.natsUrl), reconnect: false });
    try {
      return (await (await jetstreamManager(connection)).streams.info(STREAM)).state.messages;
    } catch {
      return 0;
    } finally {
      await connection.close();
    }
  }

  test("kills every process at once, and starts each again", async () => {
    const before = system.pids;
    expect(Object.keys(before).toSorted()).toEqual(PROCESSES.toSorted());
    const done = inject({ type: "kill", processes: PROCESSES, againAfterMilliseconds: null }, 400);
    await eventually("all are down", () => Object.keys(system.pids).length === 0);
    for (const url of [system.url, system.plan.redisUrl, system.plan.natsUrl, system.plan.databaseUrl]) {
      expect(await isFree(Number(new URL(url).port))).toBe(true);
    }
    expect(await done).toMatchObject({ skipped: null });
    expect(await system.recover()).toEqual([]);
    const after = system.pids;
    for (const name of PROCESSES) expect(after[name]).not.toBe(before[name]);
    expect(Object.values(system.unexpectedExits)).toEqual(PROCESSES.map(() => 0));
    await transact();
  });

  test("kills once more while a process recovers", async () => {
    const seen = new Set<number | undefined>([system.pids["postgres"]]);
    const done = inject({ type: "kill", processes: ["postgres"], againAfterMilliseconds: 100 }, 50);
    const over = new AbortController();
    const watching = (async () => {
      while (!over.signal.aborted) {
        seen.add(system.pids["postgres"]);
        await Bun.sleep(2);
      }
    })();
    await done;
    await eventually("it runs", () => system.pids["postgres"] !== undefined);
    over.abort();
    await watching;
    seen.add(system.pids["postgres"]);
    seen.delete(undefined);
    expect(seen.size).toBe(3);
    expect(await system.recover()).toEqual([]);
  });

  test("freezes processes with all that they have started, and thaws them", async () => {
    const { postgres = 0, redis: redisPid = 0 } = system.pids;
    const children = Bun.spawnSync(["pgrep", "-P", String(postgres)])
      .stdout.toString()
      .trim()
      .split("\n")
      .map(Number);
    expect(children.length).toBeGreaterThan(3);
    const all = [postgres, redisPid, ...children];
    // Longer than a busy machine may look away. A child may have ended by itself meanwhile.
    const done = inject({ type: "stop", processes: ["postgres", "redis"] }, 3_000);
    await eventually("all are frozen", () => all.filter(isThere).every(isFrozen));
    expect(all.filter(isFrozen).length).toBeGreaterThan(4);
    await done;
    await eventually("none is frozen", () => !all.some(isFrozen));
    await system.recover();
    expect(system.pids).toMatchObject({ postgres, redis: redisPid });
  });

  test("undoes a fault only when the last of several releases it", async () => {
    const redisPid = (): number | undefined => system.pids["redis"];
    const long = inject({ type: "kill", processes: ["redis"], againAfterMilliseconds: null }, 4_000);
    const frozen = inject({ type: "stop", processes: ["redis"] }, 300).then(redisPid);
    const short = inject({ type: "kill", processes: ["redis"], againAfterMilliseconds: null }, 100).then(
      redisPid,
    );
    // As it is when each of them is over, however late this looks.
    expect([await short, await frozen]).toEqual([undefined, undefined]);
    await long;
    expect(redisPid()).toBeGreaterThan(0);

    // Frozen, then killed: the one that is started is not frozen.
    const still = inject({ type: "stop", processes: ["nats"] }, 3_000);
    await eventually("it is frozen", () => isFrozen(system.pids["nats"] ?? 0));
    await inject({ type: "kill", processes: ["nats"], againAfterMilliseconds: 10 }, 50);
    expect(isFrozen(system.pids["nats"] ?? 0)).toBe(false);
    await still;
    await system.recover();
    await transact();
  });

  test("starts again what ends by itself, and counts it", async () => {
    const { "api-1": pid = 0 } = system.pids;
    process.kill(pid, "SIGKILL");
    await eventually("it was started again", () => ![pid, undefined].includes(system.pids["api-1"]));
    expect(system.unexpectedExits).toMatchObject({ "api-1": 1, "api-2": 0 });
    await system.recover();
  });

  test.each(["cut", "lose-replies"] as const)("%s breaks the connections of APIs to Redis", async (type) => {
    const before = await redisConnections();
    const action: FaultAction =
      type === "cut"
        ? { type, link: "api-redis", everyMilliseconds: 50 }
        : { type, link: "api-redis", everyBytes: 500 };
    const done = inject(action, 800);
    const over = new AbortController();
    const load = (async () => {
      while (!over.signal.aborted) await transact();
    })();
    expect(await done).toMatchObject({ skipped: null });
    over.abort();
    await load;
    // Two are for these queries; the APIs opened again what they lost.
    expect((await redisConnections()) - before).toBeGreaterThan(6);
    await system.recover();
    const healed = await redisConnections();
    for (let times = 0; times < 20; times += 1) await transact();
    expect((await redisConnections()) - healed).toBe(1);
  });

  test("holds what writers and PostgreSQL say to each other", async () => {
    await transact();
    await system.recover();
    const before = await cursor();
    let isHeld = true;
    const done = inject({ type: "hold", link: "writer-postgres" }, 4_000).finally(() => {
      isHeld = false;
    });
    await transact();
    await eventually("it is decided", async () => (await headG()) > before);
    await Bun.sleep(400);
    const kept = await cursor();
    // Unless the machine looked away until the link was let go.
    if (isHeld) expect(kept).toBe(before);
    await done;
    await system.recover();
    expect(await cursor()).toBe(await headG());
  });

  test.each<Link>(["api-nats", "api-redis", "writer-postgres"])(
    "every link can be cut and held: %s",
    async (link) => {
      const done = await Promise.all([
        inject({ type: "cut", link, everyMilliseconds: 30 }, 200),
        inject({ type: "lose-replies", link, everyBytes: 300 }, 300),
        inject({ type: "hold", link }, 250),
      ]);
      expect(done.map(({ skipped }) => skipped)).toEqual([null, null, null]);
      expect(await system.recover()).toEqual([]);
    },
  );

  test("moves Redis's clock, and back", async () => {
    if (isUnsupported("clock")) return;
    const clock = createClient({ url: system.plan.redisUrl, RESP: 2 });
    await clock.connect();
    /** It tells a time between those of here before and after it was asked, moved by so much. */
    const isAhead = async (seconds: number): Promise<void> => {
      const asked = Date.now() / 1000;
      const told = Number(z.array(z.string()).parse(await clock.sendCommand(["TIME"]))[0]) - seconds;
      expect(told).toBeWithin(asked - 3, Date.now() / 1000 + 3);
    };
    try {
      // Longer than a busy machine may look away.
      const done = inject({ type: "clock", seconds: 100 }, 5_000);
      await isAhead(100);
      const more = inject({ type: "clock", seconds: -160 }, 4_000);
      await isAhead(-60);
      await Promise.all([done, more]);
      await isAhead(0);
    } finally {
      clock.destroy();
    }
    await transact();
  });

  test.each(["redis", "nats", "postgres"] as const)("fills the disk of %s, and frees it", async (name) => {
    if (isUnsupported("disk")) return;
    const file = join(folder.path, "stack", name, "test-file");
    const write = (): void => writeFileSync(file, "x".repeat(100_000));
    write();
    rmSync(file);
    const done = inject({ type: "disk-full", process: name }, 300);
    expect(write).toThrow("ENOSPC");
    rmSync(file, { force: true });
    expect(await done).toMatchObject({ skipped: null });
    write();
    rmSync(file);
    expect(await system.recover()).toEqual([]);
    await transact();
  });

  test("takes half of NATS's newest messages away, and then all", async () => {
    for (let times = 0; times < 30; times += 1) await transact();
    await eventually("they are in the stream", async () => (await messagesInStream()) > 30);
    const before = await messagesInStream();
    expect(await inject({ type: "nats-truncated" }, 50)).toMatchObject({ skipped: null });
    await system.recover();
    const after = await messagesInStream();
    expect(after).toBeLessThan(before);
    expect(after).toBeGreaterThan(0);
    expect(await inject({ type: "nats-emptied" }, 50)).toMatchObject({ skipped: null });
    await system.recover();
    expect(await messagesInStream()).toBeLessThan(after);
    await transact();
  });

  test.each<FaultAction>([
    { type: "redis-cut", bytes: 1_000 },
    { type: "redis-zeroed", bytes: 1_000 },
    { type: "redis-emptied" },
  ])("$type makes Redis forget, and it is restored", async (action) => {
    for (let times = 0; times < 20; times += 1) await transact();
    await eventually("the books hold it", async () => (await cursor()) === (await headG()));
    const before = await headG();
    expect(await inject(action, 100)).toMatchObject({ skipped: null });
    expect(await system.recover()).toMatchObject([
      { type: "restored", shards: [{ shard: 0, keptG: before }] },
    ]);
    await transact();
  });

  test("reads the books whole", async () => {
    await transact();
    await system.recover();
    const { accounts, entries, holds, reversals } = await system.books();
    expect(accounts.map(({ account }) => account)).toEqual(["1", "2", "3", "4", "5"]);
    const money = { creditLimit: 100_000, balance: entries.length, held: 0, seq: entries.length };
    expect(accounts[0]).toEqual({ account: "1", unit: "BRL/2", state: "open", ...money });
    expect([...holds, ...reversals]).toEqual([]);
    expect(entries.map(({ seq }) => seq)).toEqual(entries.map((_, index) => index + 1));
    const last = entries.at(-1);
    expect(last).toMatchObject({
      account: "1",
      kind: "credit",
      value: 1,
      balance: entries.length,
      counterparty: null,
    });
    expect(last).toMatchObject({
      description: "stage",
      time: expect.any(Number),
      command: expect.any(String),
    });
  });

  test("a process that does not exist is not killed, and that is said", async () => {
    const { skipped } = await inject(
      { type: "kill", processes: ["writer-9"], againAfterMilliseconds: null },
      10,
    );
    expect(skipped).toBe("there is no writer-9");
  });

  // Nothing is let in without one afterwards.
  test("makes access keys, asks with the first of them, and revokes others", async () => {
    const [first, other] = [await system.createKey("operator"), await system.createKey("shop")];
    const statuses = async (token: string): Promise<ReadonlySet<number>> => {
      const headers = { authorization: `Bearer ${token}` };
      const asked = Array.from({ length: 8 }, () =>
        fetch(`${system.url}/v1/accounts/1`, { headers, keepalive: false }),
      );
      return new Set((await Promise.all(asked)).map(({ status }) => status));
    };
    const only = (status: number, token: string) =>
      eventually(`all is answered with ${status}`, async () => {
        const found = await statuses(token);
        return found.size === 1 && found.has(status);
      });
    await only(401, "none");
    await only(200, other);
    await system.revokeKey("shop");
    await only(401, other);
    await only(200, first);
    expect(await system.recover()).toEqual([]);
  });

  // The last one.
  test("leaves nothing but its folder", async () => {
    const going = inject({ type: "stop", processes: ["postgres"] }, 50_000);
    await system.stop();
    await going;
    expect(leftBehind(folder.path)).toEqual([]);
    for (const url of [system.url, system.plan.redisUrl, system.plan.natsUrl, system.plan.databaseUrl]) {
      expect(await isFree(Number(new URL(url).port))).toBe(true);
    }
    expect(await Bun.file(join(folder.path, "stack/postgres/PG_VERSION")).exists()).toBe(true);
    expect(await Bun.file(join(folder.path, "stack/logs/redis.log")).exists()).toBe(true);
  });
});
