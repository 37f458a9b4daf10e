import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { z } from "zod";
import { auditFile } from "../../src/audit/embedded/audit-file.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { Random, testSeed } from "../support/random.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

failOnLeaks();
setDefaultTimeout(240_000);

const seed = testSeed();
const CONNECTIONS = 64;

const wireAccount = z.object({ balance: z.int(), held: z.int(), available: z.int(), seq: z.int() });
const wireHold = z.object({ id: z.string(), state: z.string(), transaction: z.nullable(z.string()) });
const wireResults = z.object({
  results: z.array(z.object({ status: z.int(), body: z.record(z.string(), z.unknown()) })),
});
const wireHolds = z.object({ data: z.array(wireHold), next: z.nullable(z.string()) });

interface Reply {
  readonly status: number;
  readonly body: unknown;
  readonly replayed: boolean;
}

async function send(url: string, path: string, body: object = {}, key: string | null = null): Promise<Reply> {
  const response = await fetch(`${url}${path}`, {
    method: "POST",
    headers: key === null ? {} : { "idempotency-key": key },
    body: JSON.stringify(body),
  });
  const replayed = response.headers.has("idempotency-replayed");
  return { status: response.status, body: await response.json(), replayed };
}

async function read<T>(url: string, path: string, schema: z.ZodType<T>): Promise<T> {
  const response = await fetch(`${url}${path}`);
  return schema.parse(await response.json());
}

function account(url: string, id: string) {
  return read(url, `/v1/accounts/${id}`, wireAccount);
}

/** Opens accounts without credit, each with this balance. */
async function open(url: string, ids: readonly string[], balance: number): Promise<void> {
  const commands = ids.flatMap((id) => [
    { op: "account", body: { id, unit: "BRL/2" } },
    { op: "transaction", body: { postings: [{ from: "@world", to: id, amount: balance }] } },
  ]);
  expect((await send(url, "/v1/batches", { atomic: true, commands })).status).toBe(200);
}

/** Does each of them, so many at once. */
async function atOnce<T>(count: number, doOne: (index: number) => Promise<T>): Promise<T[]> {
  const done: T[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) done[index] = await doOne(index);
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, worker));
  return done;
}

async function holdsOf(url: string, id: string): Promise<z.infer<typeof wireHold>[]> {
  const holds: z.infer<typeof wireHold>[] = [];
  let cursor = "";
  for (;;) {
    const page = await read(url, `/v1/holds?account=${id}&limit=100${cursor}`, wireHolds);
    holds.push(...page.data);
    if (page.next === null) return holds;
    cursor = `&cursor=${page.next}`;
  }
}

async function expectSound(server: RunningServer, data: string): Promise<void> {
  expect(await server.stop()).toBe(0);
  expect((await auditFile(join(data, "razonete.db"))).findings).toEqual([]);
}

function countBy<T>(values: readonly T[], nameOf: (value: T) => string): Record<string, number> {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(nameOf(value), (counts.get(nameOf(value)) ?? 0) + 1);
  return Object.fromEntries(counts);
}

describe(`many clients at once on one process (seed ${seed})`, () => {
  test("of 1,000 holds on an account with room for 600 exactly 600 are made", async () => {
    using folder = temporaryFolder();
    await using server = await startServer({ data: folder.path });
    await open(server.url, ["prepaid"], 6_000);
    const replies = await Promise.all(
      Array.from({ length: 1_000 }, () => send(server.url, "/v1/holds", { from: "prepaid", amount: 10 })),
    );
    expect(countBy(replies, ({ status }) => String(status))).toEqual({ "201": 600, "422": 400 });
    expect(await account(server.url, "prepaid")).toEqual({
      balance: 6_000,
      held: 6_000,
      available: 0,
      seq: 1,
    });
    expect((await holdsOf(server.url, "prepaid")).length).toBe(600);
    await expectSound(server, folder.path);
  });

  test("of capture, release and expiry exactly one ends a hold, in 500 races", async () => {
    using folder = temporaryFolder();
    await using server = await startServer({ data: folder.path });
    const { url } = server;
    const random = new Random(seed);
    await open(url, ["payer"], 1_000_000);
    let ended = 0;
    const races = await atOnce(500, async () => {
      const made = wireHold.parse(
        (await send(url, "/v1/holds", { from: "payer", amount: 7, expires_in: 1 })).body,
      );
      // Most around the moment when it expires.
      await Bun.sleep(random.integer(0, 3) === 0 ? 0 : random.integer(960, 1_040));
      // Where each end of a hold is decided by itself, the first one that was sent wins.
      const order = random.integer(0, 1) === 0 ? ["capture", "release"] : ["release", "capture"];
      const ends = [...order, "capture"].map((end) => send(url, `/v1/holds/${made.id}/${end}`));
      const replies = await Promise.all(ends);
      const winners = replies.filter(({ status }) => status === 200);
      expect(winners.length).toBeLessThanOrEqual(1);
      expect(replies.filter(({ status }) => status === 422).length).toBe(3 - winners.length);
      const after = await read(url, `/v1/holds/${made.id}`, wireHold);
      if (winners.length === 0) expect(after.state).toBe("expired");
      else expect(wireHold.parse(winners[0]?.body).state).toBe(after.state);
      ended += 1;
      return after;
    });
    expect(ended).toBe(500);
    const states = countBy(races, ({ state }) => state);
    expect(Object.keys(states).toSorted()).toEqual(["captured", "expired", "released"]);
    const captured = states["captured"] ?? 0;
    const balance = 1_000_000 - 7 * captured;
    expect(await account(url, "payer")).toEqual({ balance, held: 0, available: balance, seq: 1 + captured });
    await expectSound(server, folder.path);
  });

  test("10,000 transfers at random among 50 accounts without credit: the sum stays, and none is below zero", async () => {
    using folder = temporaryFolder();
    await using server = await startServer({ data: folder.path });
    const { url } = server;
    const random = new Random(seed);
    const ids = Array.from({ length: 50 }, (_, index) => `a${index}`);
    await open(url, ids, 1_000);
    const transfer = () => {
      const from = random.integer(0, 49);
      const to = (from + random.integer(1, 49)) % 50;
      return { postings: [{ from: `a${from}`, to: `a${to}`, amount: random.integer(1, 800) }] };
    };
    // Half of them in batches of 10.
    const single = atOnce(5_000, async () => [(await send(url, "/v1/transactions", transfer())).status]);
    const batched = atOnce(500, async () => {
      const commands = Array.from({ length: 10 }, () => ({ op: "transaction", body: transfer() }));
      const { body } = await send(url, "/v1/batches", { atomic: false, commands });
      return wireResults.parse(body).results.map(({ status }) => status);
    });
    const statuses = (await Promise.all([single, batched])).flat(2);
    expect(statuses.length).toBe(10_000);
    expect(Object.keys(countBy(statuses, String)).toSorted()).toEqual(["201", "422"]);
    const accounts = await Promise.all(ids.map((id) => account(url, id)));
    expect(accounts.reduce((sum, { balance }) => sum + balance, 0)).toBe(50_000);
    expect(accounts.filter(({ balance }) => balance < 0)).toEqual([]);
    const done = statuses.filter((status) => status === 201).length;
    expect(accounts.reduce((sum, { seq }) => sum + seq - 1, 0)).toBe(2 * done);
    await expectSound(server, folder.path);
  });

  test("a key that comes 100 times at once is done once, and the other 99 are told so", async () => {
    using folder = temporaryFolder();
    await using server = await startServer({ data: folder.path });
    await open(server.url, ["one"], 1_000);
    const sendAll = (path: string, body: object, key: string) =>
      Promise.all(Array.from({ length: 100 }, () => send(server.url, path, body, key)));
    const hold = await sendAll("/v1/holds", { from: "one", amount: 100 }, "hold");
    expect(new Set(hold.map(({ status, body }) => JSON.stringify([status, body]))).size).toBe(1);
    expect(countBy(hold, ({ replayed }) => String(replayed))).toEqual({ false: 1, true: 99 });
    const { id } = wireHold.parse(hold[0]?.body);
    const capture = await sendAll(`/v1/holds/${id}/capture`, { amount: 60 }, "capture");
    expect(new Set(capture.map(({ status, body }) => JSON.stringify([status, body]))).size).toBe(1);
    expect(countBy(capture, ({ replayed }) => String(replayed))).toEqual({ false: 1, true: 99 });
    expect(await account(server.url, "one")).toEqual({ balance: 940, held: 0, available: 940, seq: 2 });
    await expectSound(server, folder.path);
  });
});

/** What a client of the killed ledger knows of one of its keys. */
interface Attempt {
  readonly what: "transfer" | "hold" | "capture" | "release";
  readonly path: string;
  readonly body: object;
  readonly key: string;
  reply: Reply | null;
}

test(`killed in between and started again, nothing is lost or doubled, and holds end once (seed ${seed})`, async () => {
  using folder = temporaryFolder();
  const random = new Random(seed);
  const attempts: Attempt[] = [];
  const holds: string[] = [];
  const attempt = async (
    url: string,
    what: Attempt["what"],
    path: string,
    body: object,
  ): Promise<Reply | null> => {
    const made: Attempt = { what, path, body, key: `k${attempts.length}`, reply: null };
    attempts.push(made);
    made.reply = await send(url, path, body, made.key).catch(() => null);
    return made.reply;
  };
  const client = async (url: string, ending: AbortSignal): Promise<void> => {
    while (!ending.aborted) {
      const [from, to] = random.integer(0, 1) === 0 ? ["x", "y"] : ["y", "x"];
      await attempt(url, "transfer", "/v1/transactions", {
        postings: [{ from, to, amount: random.integer(1, 50) }],
      });
      const short = { from, amount: random.integer(1, 20), expires_in: random.integer(1, 2) };
      const reply = await attempt(url, "hold", "/v1/holds", short);
      if (reply?.status !== 201) continue;
      const { id } = wireHold.parse(reply.body);
      holds.push(id);
      if (random.integer(0, 2) === 0) continue;
      const end = random.integer(0, 1) === 0 ? "capture" : "release";
      await attempt(url, end, `/v1/holds/${id}/${end}`, {});
    }
  };
  for (let round = 0; round < 6; round += 1) {
    await using server = await startServer({ data: folder.path });
    if (round === 0) await open(server.url, ["x", "y"], 100_000);
    const ending = new AbortController();
    const clients = Promise.all(Array.from({ length: 16 }, () => client(server.url, ending.signal)));
    const before = attempts.length;
    await eventually("50 more were sent", () => attempts.length > before + 50);
    await Bun.sleep(random.integer(0, 600));
    await server.kill();
    ending.abort();
    await clients;
    // Holds that were open expire while it is down.
    if (round % 2 === 0) await Bun.sleep(1_500);
  }
  await using server = await startServer({ data: folder.path });
  const { url } = server;
  let unanswered = 0;
  const done: Attempt["what"][] = [];
  for (const { what, path, body, key, reply } of attempts) {
    const again = await send(url, path, body, key);
    if (again.status < 300) done.push(what);
    if (reply === null) unanswered += 1;
    else expect(again).toEqual({ ...reply, replayed: true });
  }
  expect(unanswered).toBeGreaterThan(0);
  await eventually(
    "all holds have ended",
    async () => (await account(url, "x")).held + (await account(url, "y")).held === 0,
  );
  // Each of the two accounts has its opening balance, and what its own keys did, once.
  const counts = countBy(done, String);
  const entries = 2 + 2 * (counts["transfer"] ?? 0) + (counts["capture"] ?? 0);
  expect((await account(url, "x")).seq + (await account(url, "y")).seq).toBe(entries);
  const ended = (await Promise.all(["x", "y"].map((id) => holdsOf(url, id)))).flat();
  expect(ended.length).toBe(counts["hold"] ?? 0);
  expect(holds.filter((id) => !ended.some((hold) => hold.id === id))).toEqual([]);
  expect(Object.keys(countBy(ended, ({ state }) => state)).toSorted()).toEqual([
    "captured",
    "expired",
    "released",
  ]);
  await expectSound(server, folder.path);
});
