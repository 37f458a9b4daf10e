import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { connect } from "@nats-io/transport-node";
import { jetstreamManager } from "@nats-io/jetstream";
import { z } from "zod";
import { call } from "../support/api.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { eventually } from "../support/eventually.ts";
import { fedAfter } from "../support/servers/fed.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { testSeed } from "../support/random.ts";
import { journalOf } from "../support/kept-journal.ts";
import { LoadedCluster } from "../support/loaded-cluster.ts";
import { NOTHING_MISSING, runRestore } from "../support/run-restore.ts";

failOnLeaks();
setDefaultTimeout(120_000);

const seed = testSeed();
const detailed = z.object({ detail: z.string() });

describe.skipIf(serversMissing !== null)(`razonete restore (seed ${seed})`, () => {
  let system: LoadedCluster;
  beforeAll(async () => {
    system = await LoadedCluster.start(seed);
  });
  afterAll(() => system.dispose());
  afterEach(async () => {
    // Whatever a test has killed or harmed, the next one begins with a system that answers.
    for (const writer of system.cluster.writers) await writer.kill();
    if (runRestore(system.cluster, "--yes").type === "restored") await system.cluster.balanced();
    for (const writer of system.cluster.writers) await writer.start();
    await system.books.drained();
  });

  /** Under load, with writers that keep nothing from some moment on. */
  async function lagging(): Promise<void> {
    const load = await system.load();
    for (const writer of system.cluster.writers) await writer.kill();
    await eventually("a backlog", async () => (await system.books.outbox()).length > 60);
    await load.stop();
    await system.settle(load);
    // The last of it, too, is published.
    await fedAfter(await system.books.lastG(), system.cluster);
  }

  async function exchangeRedis(change: () => void): Promise<void> {
    const { redis } = system.cluster;
    await redis.process.stop();
    change();
    await redis.process.start();
  }

  async function heldBack(reason: RegExp): Promise<void> {
    for (const index of system.cluster.apis.keys()) {
      await eventually("the API is held back", async () => {
        const { status, body } = await call(system.cluster.apiUrl(index), "GET", "/readyz");
        return status === 503 && reason.test(detailed.parse(body).detail);
      });
    }
  }

  /** It answers again, remembers, goes on, and the books have all that was ever answered. */
  async function whole(): Promise<void> {
    for (const writer of system.cluster.writers) await writer.kill();
    for (const writer of system.cluster.writers) await writer.start();
    const load = await system.load();
    await load.stop();
    await system.settle(load);
    await system.check();
  }

  test("nothing is wrong: it says so and changes nothing", async () => {
    await lagging();
    const before = await system.books.outbox();
    const { type, said, missing } = runRestore(system.cluster, "--yes");
    expect({ type, missing }).toEqual({ type: "not-needed", missing: NOTHING_MISSING });
    expect(said).toMatch(/there is nothing to restore/);
    expect(runRestore(system.cluster, "--dry-run").type).toBe("not-needed");
    expect(await system.books.outbox()).toEqual(before);
    await whole();
  });

  test("Redis emptied while the writer lags: the feed brings everything back", async () => {
    await lagging();
    const { g } = await system.books.outbox();
    await exchangeRedis(() => system.cluster.redis.forget());
    await heldBack(/Redis (holds no ledger|has no functions)/);
    const keptG = await system.books.lastG();

    const plan = runRestore(system.cluster, "--dry-run");
    expect(plan).toMatchObject({ type: "declined", missing: NOTHING_MISSING });
    expect(await system.books.lastG()).toBe(keptG);
    const refused = system.cluster.run("restore");
    expect([refused.exitCode, refused.stderr.toString()]).toEqual([
      1,
      "razonete: nothing was restored: nobody can be asked here; say --yes where that is what you want.\n",
    ]);

    const { shards, missing, said } = runRestore(system.cluster, "--yes");
    expect(said).toContain("Redis holds nothing");
    expect(missing).toEqual(NOTHING_MISSING);
    expect(shards).toEqual([
      { shard: 0, found: "empty", keptG, fromOutbox: 0, fromFeed: g - keptG, lastG: g },
    ]);
    expect(await consumersLeft()).toBe(0);
    await whole();
  });

  test("what is loaded is what was there, to the letter, and what was refused under a key stays refused", async () => {
    const { url } = system.cluster;
    type Request = readonly [key: string, method: "POST" | "PATCH", path: string, body: object];
    const send = async ([key, method, path, body]: Request): Promise<number> =>
      (await call(url, method, path, body, key)).status;
    const name = 'a name with "quotes" and ü';
    const big = { valor: 9_000_000, tipo: "d", descricao: 'é\\ "x' };
    const refused: Request = ["k-refused", "POST", "/clientes/2/transacoes", big];
    const requests: readonly Request[] = [
      ["k-open", "POST", "/v1/accounts", { unit: "BRL/2", credit_limit: 7, name }],
      ["k-credit", "POST", "/clientes/2/transacoes", { ...big, valor: 5, tipo: "c" }],
      refused,
      ["k-limit", "PATCH", "/v1/accounts/2", { credit_limit: 90_000 }],
      ["k-debit", "POST", "/clientes/2/transacoes", { ...big, valor: 85_000 }],
    ];
    const since = Date.now() * 1000;
    const first: number[] = [];
    for (const request of requests) first.push(await send(request));
    expect(first).toEqual([201, 200, 422, 200, 200]);
    for (let index = 0; index < 12; index += 1)
      await call(url, "POST", "/clientes/3/transacoes", { valor: 1 + index, tipo: "c", descricao: "many" });
    await system.books.drained();
    const before = await redisHolds(since);

    // All is whole but for a mark, which makes the restore needed.
    const { g } = await system.books.outbox();
    await system.cluster.redisCommand("HSET", "razonete:{0}:head", "lost", String(g));
    runRestore(system.cluster, "--yes");
    expect(await redisHolds(since)).toEqual(before);
    await system.cluster.balanced();
    // An API that was idle may answer its first request with 503: it has not seen the new epoch yet.
    for (let api = 0; api < 2; api += 1)
      await eventually("it is refused", async () => (await send(refused)) === 422);
    const again: number[] = [];
    for (const request of requests) again.push(await send(request));
    expect(again).toEqual(first);
    expect(await redisHolds(since)).toEqual(before);
    await system.dispose();
    system = await LoadedCluster.start(seed);
  });

  /**
   * Accounts, the statements that are shown, and what is known of ids: of requests only what was accepted since a
   * time, from all periods at once.
   */
  async function redisHolds(since: number): Promise<Readonly<Record<string, unknown>>> {
    const { cluster } = system;
    const texts = z.array(z.string());
    const keys = texts.parse(await cluster.redisCommand("KEYS", "razonete:*")).toSorted();
    const held: Record<string, unknown> = {};
    const requests: string[] = [];
    for (const key of keys) {
      const [, , kind] = key.split(":");
      if (kind === "statement")
        held[key] = await cluster.redisCommand("ZREVRANGE", key, "0", "9", "WITHSCORES");
      if (kind === "account" || kind === "details" || kind === "key")
        held[key] = await cluster.redisCommand("GET", key);
      if (kind === "seen") {
        const ids = pairs(texts.parse(await cluster.redisCommand("HGETALL", key)));
        for (const [id, outcome] of Object.entries(ids))
          if (Number(/ (\d{16}) /.exec(outcome)?.[1]) >= since) requests.push(`${id} ${outcome}`);
      }
      if (kind === "head") held[key] = await cluster.redisCommand("HMGET", key, "g", "shards");
    }
    return { ...held, requests: requests.toSorted() };
  }

  const pairs = (list: readonly string[]): Record<string, string> =>
    Object.fromEntries(
      list.flatMap((name, index) => (index % 2 === 0 ? [[name, list[index + 1] ?? ""]] : [])),
    );

  test("Redis without an account, which nothing but the audit sees: --force loads it anew", async () => {
    await lagging();
    await system.cluster.redisCommand("DEL", "razonete:{0}:account:1");
    expect(system.cluster.run("audit").exitCode).toBe(1);
    expect(runRestore(system.cluster, "--yes")).toMatchObject({ type: "not-needed" });
    const { shards, missing } = runRestore(system.cluster, "--force", "--yes");
    expect(missing).toEqual(NOTHING_MISSING);
    expect(shards).toMatchObject([{ found: "whole" }]);
    await whole();
    expect(system.cluster.run("audit").exitCode).toBe(0);
  });

  test("Redis emptied: what was refused under a key is refused again, as it was, kept before the loss or not", async () => {
    const { url } = system.cluster;
    const refuse = async (key: string) => {
      await system.journal.transact(url, { account: "2", tipo: "d", valor: 9_000_000, key });
      return system.journal.attempts.slice(-1);
    };
    const kept = await refuse("refused-and-kept");
    await system.books.drained();
    for (const writer of system.cluster.writers) await writer.kill();
    const waiting = await refuse("refused-and-waiting");
    // It is published after the answer.
    await fedAfter(await system.books.lastG(), system.cluster);
    await exchangeRedis(() => system.cluster.redis.forget());
    await heldBack(/Redis (holds no ledger|has no functions)/);
    const { shards, missing } = runRestore(system.cluster, "--yes");
    expect(missing).toEqual(NOTHING_MISSING);
    expect(shards).toMatchObject([{ fromFeed: 1 }]);
    await system.cluster.balanced();
    const attempts = [...kept, ...waiting];
    expect(attempts.map(({ known }) => known.type)).toEqual(["refused", "refused"]);
    // The debit would pass now: the same refusal is what was remembered.
    await eventually("the limit is changed", async () => {
      await system.journal.changeLimit(url, "2", 20_000_000);
      return system.journal.limits.get("2")?.size === 1;
    });
    await system.journal.resend(url, attempts);
    await whole();
  });

  test("Redis older, from a copy: what the feed has is there again", async () => {
    const { redis } = system.cluster;
    await redis.process.stop();
    const copy = redis.backUp();
    await redis.process.start();
    await system.cluster.balanced();
    await lagging();
    await exchangeRedis(() => redis.putBack(copy));
    await heldBack(/Redis is older/);
    const { shards, missing } = runRestore(system.cluster, "--yes");
    expect(missing).toEqual(NOTHING_MISSING);
    expect(shards).toMatchObject([{ found: "older", fromOutbox: 0 }]);
    expect(shards[0]?.fromFeed).toBeGreaterThan(20);
    await whole();
  });

  test("Redis emptied and NATS, too: the APIs know what was answered, and the gap is named", async () => {
    await lagging();
    const { g } = await system.books.outbox();
    const keptG = await system.books.lastG();
    const entries = (await system.books.entries()).length;
    await system.cluster.nats.process.kill();
    system.cluster.nats.forget();
    await system.cluster.nats.process.start();
    await exchangeRedis(() => system.cluster.redis.forget());
    await heldBack(/Redis (holds no ledger|has no functions)/);
    const { shards, missing, said } = runRestore(system.cluster, "--yes");
    expect(missing).toEqual({ ...NOTHING_MISSING, batches: [{ shard: 0, from: keptG + 1, to: g }] });
    expect(said).toContain(`${g - keptG} batches that nothing holds any more`);
    expect(shards).toMatchObject([{ keptG, fromFeed: 0, lastG: g }]);
    for (const writer of system.cluster.writers) await writer.start();
    await system.cluster.balanced();
    expect((await system.books.entries()).length).toBe(entries);
    expect(await system.books.faults()).toEqual([]);
    const rows = await journalOf(system.books.sql);
    expect(rows.at(-1)).toMatchObject({
      g,
      events: [expect.stringMatching(new RegExp(`^m \\d{16} ${keptG + 1} ${g}$`))],
    });
    // A new journal: this one holds what is lost.
    const url = system.cluster.url;
    const first = await call(url, "POST", "/clientes/1/transacoes", {
      valor: 7,
      tipo: "c",
      descricao: "after",
    });
    expect(first.status).toBe(200);
    await system.books.drained();
    await system.dispose();
    system = await LoadedCluster.start(seed);
  });

  async function consumersLeft(): Promise<number> {
    const connection = await connect({ servers: new URL(system.cluster.nats.url).host });
    try {
      return (await (await jetstreamManager(connection)).streams.info("RAZONETE")).state.consumer_count;
    } finally {
      await connection.close();
    }
  }
});
