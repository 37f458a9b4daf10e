import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { type Answer, call, problemName } from "../support/api.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { Random, testSeed } from "../support/random.ts";
import { LoadedCluster } from "../support/loaded-cluster.ts";

failOnLeaks();
setDefaultTimeout(120_000);

const HOLDS = 1_000;
const ROOM = 600;
const RACES = 500;
/** So many at once: the rest is sent as answers come. */
const CLIENTS = 100;
const TRANSFERS = 10_000;
const ACCOUNTS = 50;
const seed = testSeed();

describe.skipIf(serversMissing !== null)(`two APIs at once (seed ${seed})`, () => {
  let system: LoadedCluster;
  beforeAll(async () => {
    system = await LoadedCluster.start(seed);
  });
  afterAll(() => system.dispose());

  const post = (path: string, body?: object, key: string | null = null, api = 0): Promise<Answer> =>
    call(system.cluster.apiUrl(api % 2), "POST", path, body, key);
  const read = async (path: string): Promise<Record<string, unknown>> =>
    Object(await call(system.cluster.url, "GET", path).then(({ body }) => body));

  /** An account with so much on it. */
  async function open(id: string, balance: number): Promise<void> {
    expect((await post("/v1/accounts", { id, unit: "CREDITS" })).status).toBe(201);
    if (balance > 0) await move("@world", id, balance);
  }

  async function move(from: string, to: string, amount: number): Promise<void> {
    expect((await post("/v1/transactions", { postings: [{ from, to, amount }] })).status).toBe(201);
  }

  async function hold(from: string, amount: number, seconds = 600, api = 0): Promise<string> {
    const answer = await post("/v1/holds", { from, amount, expires_in: seconds }, null, api);
    expect(answer.status).toBe(201);
    return String(Object(answer.body).id);
  }

  test(`${HOLDS} holds on one account with room for ${ROOM}: exactly ${ROOM} are made, and what is held is theirs`, async () => {
    await open("prepaid", ROOM);
    const answers = await Promise.all(
      Array.from({ length: HOLDS }, (_, index) =>
        post("/v1/holds", { from: "prepaid", amount: 1 }, null, index),
      ),
    );
    const made = answers.filter(({ status }) => status === 201);
    expect(made.length).toBe(ROOM);
    expect(answers.filter((answer) => problemName(answer) === "limit-exceeded").length).toBe(HOLDS - ROOM);
    expect(new Set(made.map(({ body }) => Object(body).id)).size).toBe(ROOM);
    // Each answer is of its own moment.
    const left = made.map(({ body }) => Number(Object(body).account.available));
    expect(left.toSorted((a, b) => a - b)).toEqual(Array.from({ length: ROOM }, (_, index) => index));
    expect(await read("/v1/accounts/prepaid")).toMatchObject({ balance: ROOM, held: ROOM, available: 0 });
    await system.books.drained();
    expect(await system.books.faults()).toEqual([]);
  });

  test(`${RACES} holds, each captured and released at once while its time comes: each has one end`, async () => {
    await open("raced", RACES * 10);
    const ends = new Map<string, number>();
    const bodies = { capture: { amount: 7 }, release: undefined } as const;
    await clients(RACES, async (race) => {
      const id = await hold("raced", 10, 1, race);
      // Some at once, some late for certain, the others about the moment at which it ends by itself.
      await Bun.sleep(race % 10 === 0 ? 0 : race % 10 === 1 ? 1_200 : 950 + (race % 10) * 10);
      const order = race % 20 < 10 ? (["capture", "release"] as const) : (["release", "capture"] as const);
      const asked = [...order, ...order].map(async (end, index) => ({
        end,
        answer: await post(`/v1/holds/${id}/${end}`, bodies[end], null, race + index),
      }));
      const answers = await Promise.all(asked);
      const done = answers.filter(({ answer }) => answer.status === 200);
      expect(done.length).toBeLessThanOrEqual(1);
      const state = done.length === 0 ? "expired" : done[0]?.end === "capture" ? "captured" : "released";
      for (const { answer } of answers)
        expect(answer.body).toMatchObject(
          answer.status === 200 ? { state } : { type: "urn:razonete:problem:hold-not-open", state },
        );
      expect(await read(`/v1/holds/${id}`)).toMatchObject({ state, captured: state === "captured" ? 7 : 0 });
      ends.set(state, (ends.get(state) ?? 0) + 1);
    });
    const captured = ends.get("captured") ?? 0;
    expect([...ends.values()].reduce((sum, count) => sum + count)).toBe(RACES);
    // A race that one of them always wins is none.
    for (const state of ["captured", "released", "expired"]) expect(ends.get(state) ?? 0).toBeGreaterThan(0);
    expect(await read("/v1/accounts/raced")).toMatchObject({ balance: RACES * 10 - 7 * captured, held: 0 });

    await system.books.drained();
    const kept = await system.books.sql<{ state: string; count: number }[]>`
      SELECT state, count(*)::int AS count FROM holds WHERE account = 'raced' GROUP BY state`;
    expect(new Map(kept.map(({ state, count }) => [state, count]))).toEqual(ends);
    expect(await system.books.faults()).toEqual([]);
  });

  test(`${TRANSFERS} transfers at random among ${ACCOUNTS} accounts without credit: the sum stays, none is ever below zero`, async () => {
    const random = new Random(seed);
    const ids = Array.from({ length: ACCOUNTS }, (_, index) => `purse-${index}`);
    for (const id of ids) await open(id, 100);
    const moves = Array.from({ length: TRANSFERS }, () => {
      const from = random.pick(ids);
      return { from, to: random.pick(ids.filter((id) => id !== from)), amount: random.integer(1, 120) };
    });
    let moved = 0;
    await clients(TRANSFERS, async (index) => {
      const answer = await post("/v1/transactions", { postings: [moves[index]] }, null, index);
      if (answer.status === 201) {
        moved += 1;
        for (const { balance } of Object.values(Object(answer.body).accounts).map(Object))
          expect(balance).toBeGreaterThanOrEqual(0);
      } else expect(problemName(answer)).toBe("limit-exceeded");
    });
    expect(moved).toBeGreaterThan(TRANSFERS / 10);
    expect(moved).toBeLessThan(TRANSFERS);
    const balances = await Promise.all(
      ids.map(async (id) => Number((await read(`/v1/accounts/${id}`))["balance"])),
    );
    expect(Math.min(...balances)).toBeGreaterThanOrEqual(0);
    expect(balances.reduce((sum, balance) => sum + balance)).toBe(ACCOUNTS * 100);
    await system.books.drained();
    expect(await system.books.faults()).toEqual([]);
    const [below] = await system.books.sql<{ count: number }[]>`
      SELECT count(*)::int AS count FROM entries WHERE account LIKE 'purse-%' AND balance < 0`;
    expect(below?.count).toBe(0);
  });

  test("one key 100 times at once: one transaction, and the same answer to all", async () => {
    await open("keyed", 1_000);
    const body = { postings: [{ from: "keyed", to: "@world", amount: 7 }] };
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, index) => post("/v1/transactions", body, "one-key", index)),
    );
    expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
    for (const { status, body: told } of answers) expect([status, told]).toEqual([201, answers[0]?.body]);
    expect(await read("/v1/accounts/keyed")).toMatchObject({ balance: 993, seq: 2 });
  });

  async function clients(count: number, once: (index: number) => Promise<void>): Promise<void> {
    let next = 0;
    await Promise.all(
      Array.from({ length: CLIENTS }, async () => {
        while (next < count) {
          next += 1;
          await once(next - 1);
        }
      }),
    );
  }
});
