import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { createServer, type Server, type Socket } from "node:net";
import { ClusterStatus, type ClusterStatusOptions } from "../../src/console/cluster-status.ts";
import type { ConsoleStatus } from "../../src/console/console-status.ts";
import { inPortuguese } from "../../src/console/part-details.ts";
import type { StatusBooks } from "../../src/console/status-books.ts";
import { eventually } from "../support/eventually.ts";
import { GreetingServer } from "./support/greeting-server.ts";
import { StandInPart } from "./support/stand-in-part.ts";

setDefaultTimeout(60_000);

/** So often that a test need not wait. */
const PACE = { watched: 20, resting: 60_000, gone: 60_000 };

class StandInBooks implements StatusBooks {
  audit: ConsoleStatus["audit"] = null;
  sums: ConsoleStatus["units"] = [{ unit: "BRL/2", balances: "5", world: "-5", in_transit: "0" }];
  isAway = false;
  addedUp = 0;

  lastAudit(): Promise<ConsoleStatus["audit"]> {
    return this.isAway ? Promise.reject(new Error("connection refused")) : Promise.resolve(this.audit);
  }

  units(): Promise<ConsoleStatus["units"]> {
    this.addedUp += 1;
    return this.isAway ? Promise.reject(new Error("connection refused")) : Promise.resolve(this.sums);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

describe("the status of a cluster", () => {
  const toDispose: AsyncDisposable[] = [];
  afterEach(async () => {
    for (const one of toDispose.splice(0).toReversed()) await one[Symbol.asyncDispose]();
  });

  function part(metrics = ""): StandInPart {
    const made = new StandInPart();
    made.metrics = metrics;
    toDispose.push(made);
    return made;
  }

  function statusOf(
    parts: Readonly<Record<string, URL>>,
    books: StatusBooks = new StandInBooks(),
    more: Partial<ClusterStatusOptions> = {},
  ): ClusterStatus {
    const targets = Object.entries(parts).map(([name, url]) => ({ name, url }));
    const status = new ClusterStatus({ version: "1", targets, books, pace: PACE, ...more });
    toDispose.push({ [Symbol.asyncDispose]: () => status.close() });
    return status;
  }

  const partIn = (status: ConsoleStatus, name: string) => status.parts.find((one) => one.name === name);
  async function until(
    status: ClusterStatus,
    what: string,
    is: (now: ConsoleStatus) => boolean,
  ): Promise<ConsoleStatus> {
    let now = await status.status();
    await eventually(what, async () => is((now = await status.status())));
    return now;
  }
  /** All of it in one round: in any single one a part may be late, and so not be seen. */
  const agrees = (status: ClusterStatus, what: string, expectAll: (now: ConsoleStatus) => void) =>
    until(status, what, (now) => {
      expectAll(now);
      return true;
    });

  test("of a part that is silent while Redis is, it is not said that it is down", async () => {
    const api = part("razonete_ready 1");
    const gone = part("razonete_ready 1");
    const { url: nowhere } = gone;
    await gone[Symbol.asyncDispose]();
    const redis: Server = createServer((socket: Socket) => {
      socket.on("error", () => {});
      socket.on("data", () => {
        if (!api.isSilent) socket.end("+PONG\r\n");
      });
    });
    await new Promise<void>((listens) => redis.listen(0, "127.0.0.1", listens));
    toDispose.push({ [Symbol.asyncDispose]: async () => void redis.close() });
    const address = redis.address();
    const port = address !== null && typeof address === "object" ? address.port : 0;
    const at = new URL(`redis://127.0.0.1:${port}`);
    const status = statusOf({ redis: at, "api-1": api.url, "api-2": nowhere });
    await until(status, "both are up", (now) =>
      ["redis", "api-1"].every((name) => partIn(now, name)?.state === "up"),
    );
    api.isSilent = true;
    await agrees(status, "it is in doubt", (now) => {
      const detail = expect.stringContaining("waiting for Redis");
      expect(partIn(now, "api-1")).toMatchObject({ state: "troubled", detail });
      expect(partIn(now, "redis")?.state).toBe("down");
      expect(partIn(now, "api-2")?.state).toBe("down");
    });
  });

  test("is what its processes and the books tell", async () => {
    const api = (lag: number) =>
      [
        "razonete_ready 1",
        "razonete_fence_open 1",
        'razonete_outbox_batches{shard="0"} 3',
        'razonete_outbox_batches{shard="1"} 4',
        "razonete_outbox_batches_max 100",
        'razonete_books_lag_batches{shard="0"} 2',
        'razonete_books_lag_batches{shard="1"} 0',
        `razonete_books_lag_seconds{shard="0"} ${lag}`,
        'razonete_books_lag_seconds{shard="1"} 0.001',
      ].join("\n");
    const dispatch = [
      'razonete_webhooks{state="active"} 3',
      'razonete_webhooks{state="failing"} 1',
      'razonete_webhooks{state="paused"} 9',
      "razonete_webhook_parked_deliveries 2",
      "razonete_webhook_backlog_events 7",
    ].join("\n");
    const books = new StandInBooks();
    books.audit = { at: "2026-01-01T00:00:00.000000Z", agreed: true, findings: 0 };
    const status = statusOf(
      {
        "api-1": part(api(0.25)).url,
        "api-2": part(api(0.5)).url,
        "writer-1": part('razonete_writer_active{shard="0"} 1').url,
        "writer-2": part('razonete_writer_active{shard="0"} 0').url,
        dispatch: part(dispatch).url,
      },
      books,
    );
    await agrees(status, "all is told", (now) => {
      expect(now).toMatchObject({
        shape: "cluster",
        version: "1",
        books: { lag_ms: 500, batches: 2 },
        outbox: { batches: 7, max: 100 },
        audit: { agreed: true, findings: 0 },
        units: [{ unit: "BRL/2", balances: "5", world: "-5", in_transit: "0" }],
        webhooks: { active: 3, failing: 1, parked: 2, backlog: 7 },
      });
      expect(now.parts.map(({ name, state, detail }) => [name, state, detail])).toEqual([
        ["console", "up", null],
        ["api-1", "up", null],
        ["api-2", "up", null],
        ["writer-1", "up", null],
        ["writer-2", "up", "It stands by."],
        ["dispatch", "up", null],
        ["postgres", "up", null],
      ]);
    });
  });

  test("counts what all APIs have done between two looks", async () => {
    const metrics = (count: number) =>
      [
        `razonete_decisions_total{command="transact",outcome="accepted"} ${count}`,
        `razonete_decisions_total{command="transact",outcome="replayed"} ${10 * count}`,
        `razonete_decisions_total{command="capture",outcome="accepted"} ${count}`,
        `razonete_decisions_total{command="open",outcome="accepted"} ${10 * count}`,
        `razonete_refusals_total{command="transact",refusal="limit-exceeded"} ${count}`,
        `razonete_refusals_total{command="hold",refusal="limit-exceeded"} 2`,
        `razonete_refusals_total{command="transact",refusal="account-unknown"} 3`,
        `razonete_refusals_total{command="transact",refusal="account-frozen"} 0`,
        ...["0.01", "+Inf"].map(
          (le) => `razonete_http_duration_seconds_bucket{le="${le}",group="command"} ${count}`,
        ),
        `razonete_http_duration_seconds_bucket{le="+Inf",group="read"} ${100 * count}`,
      ].join("\n");
    const [one, other] = [part(metrics(1_000)), part(metrics(50))];
    const status = statusOf({ "api-1": one.url, "api-2": other.url });
    expect((await status.status()).second).toEqual({
      transactions: 0,
      refusals: 0,
      p50_ms: null,
      p99_ms: null,
    });
    // Of both, by what clients are told.
    await agrees(status, "all refusals are told", ({ refusals }) =>
      expect(refusals).toEqual([
        { problem: "limit-exceeded", count: 1_054 },
        { problem: "account-not-found", count: 6 },
      ]),
    );
    let count = 0;
    const load = setInterval(() => {
      count += 1;
      one.metrics = metrics(1_000 + count);
      other.metrics = metrics(50 + count);
    }, 5);
    try {
      await agrees(status, "it counts", ({ second }) => {
        expect(second.refusals).toBeGreaterThan(0);
        expect(second.transactions / second.refusals).toBeCloseTo(2, 1);
        expect(second.p50_ms).toBe(5);
      });
    } finally {
      clearInterval(load);
    }
    await until(
      status,
      "it is idle again",
      ({ second: now }) => now.transactions === 0 && now.p50_ms === null,
    );
  });

  test("a part that is down, frozen or troubled is told, and since when; the others go on", async () => {
    const api = part("razonete_ready 1");
    const writer = part();
    const status = statusOf({ "api-1": api.url, "writer-1": writer.url });
    const before = await until(status, "all are up", ({ parts }) =>
      parts.every(({ state }) => state === "up"),
    );

    writer.isSilent = true;
    const down = await agrees(status, "it is down", (now) => {
      const detail = expect.stringMatching(/^It does not answer \(/);
      expect(partIn(now, "writer-1")).toMatchObject({ state: "down", detail });
      expect(partIn(now, "api-1")).toMatchObject({ state: "up", detail: null });
    });
    const since = partIn(down, "writer-1")?.since ?? "";
    expect(since > (partIn(before, "writer-1")?.since ?? "")).toBe(true);
    // As long as it stays so, it is so since then.
    const { asked } = writer;
    await eventually("it is asked again", () => writer.asked > asked + 2);
    expect(partIn(await status.status(), "writer-1")?.since).toBe(since);
    writer.isSilent = false;
    const up = await until(status, "it is up", (now) => partIn(now, "writer-1")?.state === "up");
    expect((partIn(up, "writer-1")?.since ?? "") > since).toBe(true);

    api.metrics = "razonete_ready 0";
    await agrees(status, "it is troubled", (now) => {
      const detail = expect.stringContaining("not ready");
      expect(partIn(now, "api-1")).toMatchObject({ state: "troubled", detail });
    });
    api.metrics = "razonete_ready 0\nrazonete_fence_open 0";
    await until(
      status,
      "its fence is told",
      (now) => partIn(now, "api-1")?.detail?.includes("fence") === true,
    );
    api.metrics = "<html>";
    await until(status, "no metrics are no answer", (now) => partIn(now, "api-1")?.state === "down");
    api.health = { status: 200, body: { status: "ready" } };
    await until(status, "a health route will do", (now) => partIn(now, "api-1")?.state === "up");
    api.health = { status: 503, body: { detail: "Redis is away" } };
    await until(status, "its reason is told", (now) => partIn(now, "api-1")?.detail === "Redis is away");
    await api[Symbol.asyncDispose]();
    await until(status, "nobody listens", (now) => partIn(now, "api-1")?.state === "down");
  });

  test("an API that decides for some shards is not said to decide nothing: the others are named", async () => {
    const api = part();
    const status = statusOf({ "api-1": api.url });
    const tells = async (is: unknown[], open: number, ready: number, ...decides: readonly number[]) => {
      api.metrics = [
        `razonete_fence_open ${open}`,
        `razonete_ready ${ready}`,
        ...decides.map((value, shard) => `razonete_shard_decides{shard="${shard}"} ${value}`),
      ].join("\n");
      await agrees(status, `it says ${String(is)}`, (now) => {
        const { state, detail } = partIn(now, "api-1") ?? {};
        expect<unknown[]>([state, detail]).toEqual(is);
      });
    };
    await tells(["up", null], 1, 1, 1, 1, 1);
    const some = "It decides for all shards but these (GET /readyz says why): 0, 2.";
    await tells(["troubled", some], 0, 1, 0, 1, 0);
    expect(inPortuguese(some)).toMatch(/^Decide por todos os shards .*: 0, 2\.$/);
    // The fence of one is shut, but not yet for as long as requests wait.
    await tells(["up", null], 0, 1, 1, 1, 1);
    await tells(["troubled", expect.stringContaining("fence is shut")], 0, 0, 0, 0, 0);
    const many = /: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, \u2026$/;
    await tells(["troubled", expect.stringMatching(many)], 0, 1, 1, ...Array<number>(50).fill(0));
  });

  test("without the books all else is told, and what was known of them", async () => {
    const books = new StandInBooks();
    books.audit = { at: "2026-01-01T00:00:00.000000Z", agreed: false, findings: 3 };
    const api = part('razonete_outbox_batches{shard="0"} 1\nrazonete_outbox_batches_max 9');
    const status = statusOf({ "api-1": api.url }, books);
    await until(status, "the sums are there", ({ units }) => units.length > 0);
    books.isAway = true;
    api.metrics = 'razonete_outbox_batches{shard="0"} 5\nrazonete_outbox_batches_max 9';
    const now = await until(status, "they are away", (one) => partIn(one, "postgres")?.state === "down");
    expect(now).toMatchObject({ audit: { findings: 3 }, units: [{ unit: "BRL/2" }] });
    // What they lack is still in the outbox.
    await until(
      status,
      "the outbox grows",
      ({ books: { batches }, outbox }) => batches === 5 && outbox?.batches === 5,
    );
    books.isAway = false;
    await until(status, "they are back", (one) => partIn(one, "postgres")?.state === "up");
  });

  test("books that differ, and batches that are lost, are told of the server that has them", async () => {
    await using redis = await GreetingServer.start("-NOAUTH Authentication required.\r\n", true);
    const api = part(
      'razonete_diverged{shard="0"} 0\nrazonete_diverged{shard="1"} 1\nrazonete_lost_batches{shard="0"} 1',
    );
    const status = statusOf({ "api-1": api.url, redis: new URL(`redis://127.0.0.1:${redis.port}`) });
    const now = await until(status, "it is told", (one) => partIn(one, "redis")?.state === "troubled");
    expect(partIn(now, "postgres")).toMatchObject({
      state: "troubled",
      detail: expect.stringContaining("differ"),
    });
    expect(partIn(now, "redis")?.detail).toContain("lost");
    expect(partIn(now, "api-1")?.state).toBe("up");
  });

  test("servers of Redis, NATS and PostgreSQL are known by how they greet, without a password", async () => {
    await using redis = await GreetingServer.start("-NOAUTH Authentication required.\r\n", true);
    await using loading = await GreetingServer.start(
      "-LOADING Redis is loading the dataset in memory\r\n",
      true,
    );
    await using nats = await GreetingServer.start('INFO {"server_id":"N"}\r\n', false);
    await using standby = await GreetingServer.start("N", true);
    await using other = await GreetingServer.start("HTTP/1.1 400 Bad Request\r\n", true);
    await using frozen = await GreetingServer.start(null, false);
    const at = (scheme: string, { port }: GreetingServer) => new URL(`${scheme}://127.0.0.1:${port}`);
    const status = statusOf({
      redis: at("redis", redis),
      loading: at("redis", loading),
      nats: at("nats", nats),
      standby: at("postgres", standby),
      other: at("postgres", other),
      frozen: at("nats", frozen),
    });
    await agrees(status, "each is known", ({ parts }) => {
      expect(parts.map(({ name, state }) => [name, state])).toEqual([
        ["console", "up"],
        ["redis", "up"],
        ["loading", "troubled"],
        ["nats", "up"],
        ["standby", "up"],
        ["other", "troubled"],
        ["frozen", "down"],
        ["postgres", "up"],
      ]);
      expect(parts.find(({ name }) => name === "loading")?.detail).toContain("LOADING");
    });
  });

  test("many who look ask the parts no more than one, and nobody's look asks them hardly ever", async () => {
    const api = part();
    const books = new StandInBooks();
    const status = statusOf({ "api-1": api.url }, books, {
      pace: { watched: 100_000, resting: 100_000, gone: 50 },
    });
    status.start();
    await Promise.all(Array.from({ length: 100 }, () => status.status()));
    await Promise.all(Array.from({ length: 100 }, () => status.status()));
    expect([api.asked, books.addedUp]).toEqual([1, 1]);
  });

  test("who looks after a rest is shown what is new at the pace of those who look", async () => {
    const api = part();
    const pace = { watched: 20, resting: 100_000, gone: 200 };
    const status = statusOf({ "api-1": api.url }, new StandInBooks(), { pace });
    status.start();
    await eventually("it has looked once", () => api.asked === 1);
    // Looks again and again: after 200 ms without a look it may rest.
    const looksUntil = (count: number) =>
      eventually("it looks again", async () => {
        await status.status();
        return api.asked > count;
      });
    await looksUntil(3);
    // Nobody looks any more: it comes to rest.
    let asked = 0;
    await eventually("it rests", async () => {
      const before = api.asked;
      await Bun.sleep(300);
      asked = api.asked;
      return asked === before;
    });
    await looksUntil(asked);
  });

  test("sums are added up anew only after their time", async () => {
    const books = new StandInBooks();
    const api = part();
    const status = statusOf({ "api-1": api.url }, books, { unitsMilliseconds: 100_000 });
    await until(status, "the sums are there", ({ units }) => units.length > 0);
    const { asked } = api;
    await eventually("some rounds later", () => api.asked > asked + 5);
    expect(books.addedUp).toBe(1);
    const often = new StandInBooks();
    const other = statusOf({}, often, { unitsMilliseconds: 0 });
    await until(other, "they are added up again", () => often.addedUp > 2);
  });
});
