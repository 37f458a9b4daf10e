import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { z } from "zod";
import { call } from "../support/api.ts";
import { Cluster } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { fedAfter } from "../support/servers/fed.ts";
import { KeptBooks } from "../support/kept-books.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { NOTHING_MISSING, runRestore } from "../support/run-restore.ts";
import { serversMissing } from "../support/servers/binaries.ts";

failOnLeaks();
setDefaultTimeout(120_000);

const PREFIX = "razonete:{0}:";
const texts = z.array(z.string());
const account = z.object({ balance: z.number(), held: z.number(), available: z.number() });
const made = z.object({ id: z.string() });
const wireHold = z.object({ state: z.string(), captured: z.number(), transaction: z.string().nullable() });

describe.skipIf(serversMissing !== null)("razonete restore of transactions and holds", () => {
  let cluster: Cluster;
  let books: KeptBooks;

  beforeAll(async () => {
    cluster = await Cluster.start({ apis: 1 });
    books = new KeptBooks(cluster);
    for (const id of ["payer", "payee"]) await post("/v1/accounts", { id, unit: "BRL/2", credit_limit: 900 });
  });
  afterAll(async () => {
    await books.close();
    await cluster[Symbol.asyncDispose]();
  });
  afterEach(async () => {
    await startWriters();
    await books.drained();
    const audit = cluster.run("audit");
    expect([audit.exitCode, audit.stdout.toString()]).toEqual([0, expect.stringContaining("Agreed.")]);
  });

  const send = (path: string, body: object, key: string | null = null) =>
    call(cluster.apiUrl(0), "POST", path, body, key);
  const post = async (path: string, body: object): Promise<string> => {
    const answer = await send(path, body);
    if (answer.status > 201) throw new Error(`${path}: ${answer.status}`);
    return made.parse(answer.body).id;
  };
  const get = async (path: string): Promise<unknown> => (await call(cluster.apiUrl(0), "GET", path)).body;
  const stateOf = async (id: string) => account.parse(await get(`/v1/accounts/${id}`));
  const holdOf = async (id: string) => wireHold.parse(await get(`/v1/holds/${id}`));
  const hold = (amount: number, more: object = {}) => post("/v1/holds", { from: "payer", amount, ...more });

  async function killWriters(): Promise<void> {
    for (const writer of cluster.writers) await writer.kill();
  }

  async function startWriters(): Promise<void> {
    await killWriters();
    for (const writer of cluster.writers) await writer.start();
  }

  /** Redis comes back with nothing, and is restored. */
  async function loseRedis(): Promise<void> {
    // What was answered last is published after the answer.
    await fedAfter(await books.lastG(), cluster);
    const { redis } = cluster;
    await redis.process.stop();
    redis.forget();
    await redis.process.start();
    await restore();
  }

  async function restore(): Promise<void> {
    expect(runRestore(cluster, "--force", "--yes")).toMatchObject({ missing: NOTHING_MISSING });
    await cluster.balanced();
    // An API may not have seen the new epoch yet: then it answers its first request with 503.
    await eventually("it answers", async () => {
      const body = { postings: [{ from: "@world", to: "1", amount: 1 }] };
      return (await send("/v1/transactions", body)).status === 201;
    });
  }

  /** What Redis has of holds and reversals. */
  async function inRedis(): Promise<Readonly<Record<string, unknown>>> {
    const found: Record<string, unknown> = {};
    const expiries = await cluster.redisCommand("ZRANGE", `${PREFIX}expiries`, "0", "-1", "WITHSCORES");
    for (const kind of ["hold", "reversed"]) {
      for (const key of texts.parse(await cluster.redisCommand("KEYS", `${PREFIX}${kind}:*`)).toSorted())
        found[key] = [await cluster.redisCommand("GET", key), await isKept(key)];
    }
    return { ...found, expiries };
  }

  /** Whether it is there for good; else it is forgotten in a day. */
  async function isKept(key: string): Promise<boolean> {
    const left = Number(await cluster.redisCommand("TTL", key));
    if (left >= 0) expect(86_400 - left).toBeLessThan(300);
    return left === -1;
  }

  test("what is loaded is what was there, to the letter", async () => {
    const details = { description: 'é\\ "x"', reference: "R-1", metadata: { 9: "nine", b: "ü" } };
    await hold(1, { to: "payee", ...details });
    await hold(2);
    const [some, nothing, released] = [await hold(3, details), await hold(4), await hold(5)];
    await hold(6, { expires_in: 1 });
    await post(`/v1/holds/${some}/capture`, { amount: 2, to: "payee" });
    await post(`/v1/holds/${nothing}/capture`, { amount: 0 });
    await post(`/v1/holds/${released}/release`, {});
    const moved = await post("/v1/transactions", { postings: [{ from: "payer", to: "payee", amount: 7 }] });
    await post(`/v1/transactions/${moved}/reversal`, {});
    await eventually("the hold has expired", async () => {
      const open = await cluster.redisCommand("ZCARD", "razonete:{0}:expiries");
      return Number(open) === 2;
    });
    await books.drained();
    const before = await inRedis();
    expect(Object.keys(before)).toHaveLength(6 + 1 + 1);
    await restore();
    expect(await inRedis()).toEqual(before);
    await loseRedis();
    expect(await inRedis()).toEqual(before);
  });

  test("an open hold, kept or not, is captured after it, once, and what it moved stays", async () => {
    const start = await stateOf("payer");
    const [first, second] = [await hold(40), await hold(30)];
    await books.drained();
    await killWriters();
    const third = await hold(20, { to: "payee" });
    await post(`/v1/holds/${first}/capture`, { amount: 15, to: "payee" });
    await loseRedis();
    await startWriters();
    expect(await stateOf("payer")).toEqual({
      balance: start.balance - 15,
      held: start.held + 50,
      available: start.available - 65,
    });
    expect(await holdOf(first)).toMatchObject({ state: "captured", captured: 15 });
    for (const [path, body] of [
      [`/v1/holds/${second}/capture`, { amount: 1 }],
      [`/v1/holds/${third}/capture`, {}],
    ] as const)
      await post(path, body);
    for (const id of [first, second, third])
      for (const end of ["capture", "release"])
        expect(await send(`/v1/holds/${id}/${end}`, {})).toMatchObject({
          status: 422,
          body: { type: "urn:razonete:problem:hold-not-open", state: "captured" },
        });
    await loseRedis();
    expect(await stateOf("payer")).toEqual({
      balance: start.balance - 36,
      held: start.held,
      available: start.available - 36,
    });
    const { transaction } = await holdOf(third);
    expect(await get(`/v1/transactions/${transaction}`)).toMatchObject({
      hold: third,
      postings: [{ from: "payer", to: "payee", amount: 20 }],
    });
  });

  test("a capture sent again with its key gets the same answer, and moves nothing more", async () => {
    const id = await hold(11);
    const capture = () => send(`/v1/holds/${id}/capture`, { amount: 9 }, `key-${id}`);
    const first = await capture();
    expect(first).toMatchObject({ status: 200, replayed: false, body: { state: "captured", captured: 9 } });
    await loseRedis();
    const { balance } = await stateOf("payer");
    expect(await capture()).toMatchObject({ status: 200, replayed: true, body: first.body });
    expect((await stateOf("payer")).balance).toBe(balance);
  });

  test("a transaction that the books do not have yet is reversed by its id, and only once after the restore", async () => {
    const before = await stateOf("payee");
    await killWriters();
    const body = { postings: [{ from: "payer", to: "payee", amount: 12 }] };
    const [first, second] = [await post("/v1/transactions", body), await post("/v1/transactions", body)];
    const reversal = await post(`/v1/transactions/${first}/reversal`, {});
    await loseRedis();
    const reverse = (id: string) => send(`/v1/transactions/${id}/reversal`, {});
    expect(await reverse(first)).toMatchObject({
      status: 422,
      body: { type: "urn:razonete:problem:already-reversed", reversal },
    });
    expect(await reverse(reversal)).toMatchObject({
      status: 422,
      body: { type: "urn:razonete:problem:not-reversible" },
    });
    // The restore has brought it into the books; this one is in the outbox alone.
    const third = await post("/v1/transactions", body);
    for (const id of [second, third]) expect((await reverse(id)).status).toBe(201);
    for (const id of [second, third]) expect((await reverse(id)).status).toBe(422);
    expect((await stateOf("payee")).balance).toBe(before.balance);
  });

  test("holds that expired while nothing ran end once", async () => {
    const { held } = await stateOf("payer");
    const ids = [await hold(8, { expires_in: 2 }), await hold(8, { expires_in: 2 })];
    await books.drained();
    await killWriters();
    ids.push(await hold(8, { expires_in: 1 }));
    await Bun.sleep(2_200);
    await loseRedis();
    expect((await stateOf("payer")).held).toBe(held);
    await startWriters();
    await eventually("all have expired", async () => {
      const states = await Promise.all(ids.map(holdOf));
      return states.every(({ state }) => state === "expired");
    });
    await books.drained();
    const events = await books.sql<{ id: string; count: number }[]>`
      SELECT split_part(text, ' ', 3) AS id, count(*) FROM journal, unnest(events) AS e (text)
      WHERE text LIKE 'e %' GROUP BY 1`;
    for (const id of ids) expect(events.find((event) => event.id === id)?.count).toBe(1);
    for (const id of ids) expect((await send(`/v1/holds/${id}/capture`, {})).status).toBe(422);
  });
});
