import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { createClient } from "@redis/client";
import { z } from "zod";
import { bounds } from "../../src/bounds.ts";
import { call } from "../support/api.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { testSeed } from "../support/random.ts";
import { LoadedCluster } from "../support/loaded-cluster.ts";
import { untilCallWaits } from "../support/servers/waiting-bytes.ts";

failOnLeaks();
setDefaultTimeout(60_000);

/** An API has its deadline, and the balancer may ask a second one. A busy machine may take its time. */
const ANSWER_MILLISECONDS_MAX = 2 * bounds.decision_milliseconds_max + 3_000;
const CUTS = 5;
const seed = testSeed();

function readinessLines(log: string): string[] {
  return log.split("\n").filter((line) => /ready/.test(line));
}

describe.skipIf(serversMissing !== null)(`Redis away, under load (seed ${seed})`, () => {
  let system: LoadedCluster;
  beforeAll(async () => {
    system = await LoadedCluster.start(seed);
  });
  afterAll(() => system.dispose());

  test("Redis killed, and back before the deadline: requests wait, and none fails", async () => {
    const { cluster } = system;
    const load = await system.load();
    const waited: (string | undefined)[] = [];
    let longest = 0;
    for (let kill = 0; kill < 2; kill += 1) {
      const begun = performance.now();
      await cluster.redis.process.kill();
      const { length } = load.attempts;
      await eventually("a request waits", () => load.attempts.length > length);
      await cluster.redis.process.start();
      for (const index of cluster.apis.keys())
        await eventually(
          "the API has found Redis",
          async () => (await call(cluster.apiUrl(index), "GET", "/clientes/1/extrato")).status === 200,
        );
      longest = Math.max(longest, performance.now() - begun);
      await cluster.balanced();
      waited.push(load.attempts[length]?.known.type);
    }
    await load.stop();
    // On a machine that stood still meanwhile, requests had no time to wait.
    if (longest < bounds.decision_milliseconds_max / 2) {
      expect(load.failures).toEqual([]);
      expect(load.statements.failed).toBe(0);
      for (const known of waited) expect(["accepted", "refused"]).toContain(known ?? "");
    } else console.error(`SKIPPED, that no request failed: Redis was away for ${Math.round(longest)} ms.`);
    await system.settle(load);
    await system.check();
  });

  test("an API that was just started and has not found Redis yet: its first requests wait, and none fails", async () => {
    const { cluster, journal } = system;
    const account = "1";
    const [api] = cluster.apis;
    const url = cluster.apiUrl(0);
    cluster.redis.process.signal("SIGSTOP");
    await api?.kill();
    api?.startUnready();
    await eventually("it listens", async () => (await call(url, "GET", "/livez")).status === 200);
    const failed = journal.count("unknown") + journal.count("not-done");
    const asked = [
      journal.transact(url, { account, tipo: "c", valor: 1, key: null }),
      call(url, "GET", `/clientes/${account}/extrato`),
      ...["", "/entries"].map((path) => call(url, "GET", `/v1/accounts/${account}${path}`)),
    ];
    await Bun.sleep(200);
    expect((await call(url, "GET", "/readyz")).status).toBe(503);
    cluster.redis.process.signal("SIGCONT");
    const [, ...readings] = await Promise.all(asked);
    expect(readings).toEqual(readings.map(() => expect.objectContaining({ status: 200 })));
    expect(journal.count("unknown") + journal.count("not-done")).toBe(failed);
    await system.check();
  });

  test("Redis killed, and away for longer: 503 that says what is known, then it goes on by itself", async () => {
    const { cluster, journal } = system;
    const load = await system.load();
    const account = journal.openings.at(-1)?.id;
    await cluster.redis.process.kill();
    const body = { valor: 1, tipo: "c", descricao: "waits" };
    const begun = performance.now();
    const answer = await call(cluster.apiUrl(0), "POST", `/clientes/${account}/transacoes`, body);
    const waited = performance.now() - begun;
    expect(answer.status).toBe(503);
    expect(answer.headers.get("retry-after")).toBe("1");
    expect(answer.body).toMatchObject({
      type: "urn:razonete:problem:ledger-unavailable",
      outcome: "unknown",
    });
    expect(waited).toBeGreaterThan(bounds.decision_milliseconds_max - 100);
    expect(waited).toBeLessThan(bounds.decision_milliseconds_max + 2_000);
    await Bun.sleep(500);
    const failed = load.failures.length;
    expect(failed).toBeGreaterThan(0);

    await cluster.redis.process.start();
    await cluster.balanced();
    const before = load.attempts.length;
    await Bun.sleep(500);
    await load.stop();
    expect(load.attempts.slice(before).map(({ known }) => known.type)).not.toContain("unknown");
    expect(load.slowestMilliseconds).toBeLessThan(ANSWER_MILLISECONDS_MAX);
    await system.settle(load);
    await system.check();
  });

  test("the connections to Redis broken: what it had applied by then is not applied again", async () => {
    const { redis } = system.cluster;
    const client = createClient({ url: redis.url, RESP: 2 });
    await client.connect();
    try {
      const load = await system.load();
      for (let cut = 0; cut < CUTS; cut += 1) {
        // Thawed, Redis finds the calls and the command to break their connections before it answers any of them.
        redis.process.signal("SIGSTOP");
        await untilCallWaits(redis);
        const done = client.sendCommand(["CLIENT", "KILL", "TYPE", "normal"]);
        await Bun.sleep(20);
        redis.process.signal("SIGCONT");
        await done;
        await Bun.sleep(300);
      }
      await load.stop();
      expect(load.failures).toEqual([]);
      expect(load.statements.failed).toBe(0);
      await system.check();
    } finally {
      client.destroy();
    }
  });

  test("Redis frozen: the APIs say so within 3 s, where it is asked and in their logs, and why through the balancer", async () => {
    const { cluster } = system;
    const { redis, apis } = cluster;
    await cluster.balanced();
    const urls = apis.map((_, index) => cluster.apiUrl(index));
    const told = async () => (await Promise.all(apis.map((api) => api.log()))).map(readinessLines);
    const before = await told();
    redis.process.signal("SIGSTOP");
    const frozenAt = performance.now();
    for (const url of urls) {
      await eventually(
        "the API is not ready",
        async () => (await call(url, "GET", "/readyz")).status === 503,
      );
    }
    // Under 3 s, and on a busy machine still before the client of Redis itself gives the connection up.
    expect(performance.now() - frozenAt).toBeLessThan(bounds.redis_silence_milliseconds_max + 1_000);
    expect(performance.now() - frozenAt).toBeGreaterThan(bounds.decision_milliseconds_max - 100);
    const reason = { detail: "Send requests to another instance: Redis does not answer." };
    for (const url of urls) expect((await call(url, "GET", "/readyz")).body).toMatchObject(reason);
    await eventually("the balancer hands on no request", async () => {
      const answer = await call(cluster.url, "GET", "/clientes/1/extrato");
      return z.object({ detail: z.string() }).parse(answer.body).detail.includes("GET /readyz says why");
    });
    for (const method of ["GET", "POST"] as const) {
      const answer = await call(cluster.url, method, "/clientes/1/transacoes");
      expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "1"]);
      expect(answer.body).toMatchObject({ type: "urn:razonete:problem:ledger-unavailable", outcome: "none" });
    }
    expect((await call(cluster.url, "GET", "/readyz")).body).toMatchObject({
      type: "urn:razonete:problem:not-ready",
      ...reason,
    });
    await Bun.sleep(bounds.redis_silence_milliseconds_max);
    for (const url of urls) expect((await call(url, "GET", "/readyz")).body).toMatchObject(reason);

    redis.process.signal("SIGCONT");
    await cluster.balanced();
    const lines = ["razonete: not ready: Redis does not answer", "razonete: ready"];
    await eventually("it is logged", async () => (await told()).every((all) => all.at(-1) === lines[1]));
    expect((await told()).map((all, index) => all.slice(before[index]?.length))).toEqual(
      apis.map(() => lines),
    );
  });

  test("Redis frozen for longer than the deadline: what it applied afterwards is applied once", async () => {
    const { redis } = system.cluster;
    const load = await system.load();
    redis.process.signal("SIGSTOP");
    await Bun.sleep(bounds.decision_milliseconds_max + 700);
    redis.process.signal("SIGCONT");
    await system.cluster.balanced();
    await Bun.sleep(300);
    await load.stop();
    expect(load.failures.length).toBeGreaterThan(0);
    await system.settle(load);
    await system.check();
  });
});
