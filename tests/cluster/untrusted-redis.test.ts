import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { z } from "zod";
import { call, isNotDone, problemName } from "../support/api.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { testSeed } from "../support/random.ts";
import { eventually } from "../support/eventually.ts";
import { LoadedCluster } from "../support/loaded-cluster.ts";

failOnLeaks();
setDefaultTimeout(60_000);

const seed = testSeed();
const detailed = z.object({ detail: z.string() });
const POST = { valor: 1, tipo: "c", descricao: "fenced" };

describe.skipIf(serversMissing !== null)(`a Redis that is not what the books know (seed ${seed})`, () => {
  let system: LoadedCluster;
  beforeAll(async () => {
    system = await LoadedCluster.start(seed, { durable: true });
  });
  afterAll(() => system.dispose());

  /** Under load, while Redis is stopped, `change` is done to it. */
  async function changeRedis(change: () => void): Promise<void> {
    const { redis } = system.cluster;
    const load = await system.load();
    const { g } = await system.books.outbox();
    await eventually("the books have come so far", async () => (await system.books.lastG()) >= g);
    await redis.process.stop();
    change();
    await redis.process.start();
    await load.stop();
  }

  /** Every API says why it is not ready, and answers nothing; new ones do not begin to. */
  async function refusesAll(reason: RegExp): Promise<void> {
    const { cluster } = system;
    const [first] = cluster.apis;
    await first?.kill();
    first?.startUnready();
    for (const index of cluster.apis.keys()) {
      const url = cluster.apiUrl(index);
      await eventually("the API says why it is not ready", async () => {
        const { status, body } = await call(url, "GET", "/readyz");
        return status === 503 && reason.test(detailed.parse(body).detail);
      });
      const ready = detailed.parse((await call(url, "GET", "/readyz")).body).detail;
      expect(ready).toMatch(/^Send requests to another instance: [^.\n]*\.$/);
      const answers = await Promise.all([
        call(url, "POST", "/clientes/1/transacoes", POST),
        call(url, "POST", "/v1/accounts", { unit: "BRL/2", credit_limit: 1 }),
        call(url, "PATCH", "/v1/accounts/1", { credit_limit: 1 }),
        call(url, "GET", "/v1/accounts/1"),
        call(url, "GET", "/clientes/1/extrato"),
        call(url, "GET", "/v1/accounts/1/entries"),
        call(url, "GET", "/v1/accounts/99"),
      ]);
      expect(answers.map((answer) => `${answer.status} ${problemName(answer)}`)).toEqual(
        answers.map(() => "503 ledger-unavailable"),
      );
      expect(answers.slice(3).filter((answer) => !isNotDone(answer))).toEqual([]);
    }
    const through = await call(cluster.url, "GET", "/clientes/1/extrato");
    expect(`${through.status} ${problemName(through)}`).toBe("503 ledger-unavailable");
  }

  /** The command `razonete init` refuses with one sentence. */
  function initRefuses(reason: RegExp): void {
    const { exitCode, stderr, stdout } = system.cluster.run("init");
    expect(exitCode).toBe(1);
    expect(stdout.toString()).toBe("");
    const sentence = stderr.toString();
    expect(sentence).toMatch(reason);
    expect(sentence).toMatch(/^razonete: [^\n]*restore\.\n$/);
  }

  const redisHolds = async () => system.cluster.redisCommand("DBSIZE");

  /** With its own data again all is as it was, and nothing was made up meanwhile. */
  async function recovers(change: () => void): Promise<void> {
    const { redis } = system.cluster;
    await redis.process.stop();
    change();
    await redis.process.start();
    await system.cluster.balanced();
    const load = await system.load();
    await load.stop();
    expect(load.failures).toEqual([]);
    await system.check();
  }

  test("Redis emptied: no API is ready, nothing is answered from it, and init does not fill it again", async () => {
    const { redis } = system.cluster;
    let copy = "";
    await changeRedis(() => {
      copy = redis.backUp();
      redis.forget();
    });
    await refusesAll(/Redis holds no ledger, but it did: .*run razonete restore/);
    initRefuses(/Redis is empty/);
    expect(await redisHolds()).toBe(0);
    await recovers(() => redis.putBack(copy));
  });

  test("Redis older than the books: no API is ready, nothing is answered from it, and init refuses it", async () => {
    const { redis } = system.cluster;
    await redis.process.stop();
    const older = redis.backUp();
    await redis.process.start();
    await system.cluster.balanced();
    let newer = "";
    await changeRedis(() => {
      newer = redis.backUp();
      redis.putBack(older);
    });
    await refusesAll(
      /Redis is older than (the books|what it has answered) \(batch \d+ of \d+\): .* run razonete restore/,
    );
    initRefuses(/Redis is older than the books/);
    await recovers(() => redis.putBack(newer));
  });

  test("Redis that may evict, from some moment on: no API is ready until it may not", async () => {
    const load = await system.load();
    await system.cluster.redisCommand("CONFIG", "SET", "maxmemory-policy", "volatile-lru");
    await refusesAll(/set maxmemory-policy noeviction \(it is volatile-lru\)/);
    await load.stop();
    await recovers(() => {});
  });

  test("Redis demoted to a replica: no API is ready, nothing is answered from it", async () => {
    const load = await system.load();
    await system.cluster.redisCommand("REPLICAOF", "127.0.0.1", "1");
    await refusesAll(/Redis is a replica: set REDIS_URL to the primary/);
    await load.stop();
    await recovers(() => {});
  });

  test("Redis without appendfsync always: no API is ready until it has it again", async () => {
    const { redis } = system.cluster;
    await changeRedis(() => {
      redis.settings["appendfsync"] = "everysec";
    });
    await refusesAll(/set appendfsync always \(it is everysec\), or DURABILITY=relaxed/);
    await recovers(() => {
      redis.settings["appendfsync"] = "always";
    });
  });

  test("Redis emptied while it runs: nothing is answered from it", async () => {
    const load = await system.load();
    await system.cluster.redisCommand("FLUSHALL");
    await refusesAll(/Redis holds no ledger/);
    await load.stop();
    expect(system.journal.surprises).toEqual([]);
  });
});
