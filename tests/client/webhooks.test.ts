import { describe, expect, test } from "bun:test";
import { Razonete, RefusedError } from "../../client/src/razonete.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { problem, type Reply, ScriptedServer, type Step, unavailable } from "./support/scripted-server.ts";

/** Webhooks and watches: what is sent for each call, and what is known of one that is taken away. */

failOnLeaks();

const made: Reply = { status: 201, body: { id: "w1", secret: "whsec_AAAA" } };
const removed: Reply = { status: 204 };
const gone = problem(404, "webhook-not-found");

/** A call, and the request that it is. */
const CALLS: readonly [call: (ledger: Razonete) => unknown, method: string, path: string, body: unknown][] = [
  [
    ({ webhooks }) => webhooks.create({ url: "https://shop.example/", types: ["hold.expired"] }),
    "POST",
    "/v1/webhooks",
    { url: "https://shop.example/", types: ["hold.expired"] },
  ],
  [({ webhooks }) => webhooks.get("w1"), "GET", "/v1/webhooks/w1", null],
  [
    ({ webhooks }) => webhooks.change("w1", { state: "paused" }),
    "PATCH",
    "/v1/webhooks/w1",
    { state: "paused" },
  ],
  [({ webhooks }) => webhooks.remove("w1"), "DELETE", "/v1/webhooks/w1", null],
  [({ webhooks }) => webhooks.rotate("w1"), "POST", "/v1/webhooks/w1/secret", {}],
  [
    ({ webhooks }) => webhooks.replay("w1", { after: "c1" }),
    "POST",
    "/v1/webhooks/w1/replay",
    { after: "c1" },
  ],
  [
    ({ webhooks }) => webhooks.replay("w1", { from: new Date(0) }),
    "POST",
    "/v1/webhooks/w1/replay",
    { from: "1970-01-01T00:00:00.000Z" },
  ],
  [
    ({ watches }) => watches.create({ prefix: "acme:", available_lt: 500 }),
    "POST",
    "/v1/watches",
    { prefix: "acme:", available_lt: 500 },
  ],
  [({ watches }) => watches.get("w1"), "GET", "/v1/watches/w1", null],
  [({ watches }) => watches.remove("w1"), "DELETE", "/v1/watches/w1", null],
];

describe("each call is its request", () => {
  test.each(CALLS)("%#: %p %s %s", async (call, method, path, body) => {
    await using server = await ScriptedServer.start(method === "DELETE" ? removed : made);
    await call(new Razonete({ url: server.url, accessKey: "rz_abc" }));
    expect(server.requests).toMatchObject([{ method, path, headers: { authorization: "Bearer rz_abc" } }]);
    const [request] = server.requests;
    expect(request?.body).toBe(body === null ? "" : JSON.stringify(body));
    // What is asked twice is done once; taking away needs no key for that.
    expect(request?.headers["idempotency-key"] !== undefined).toBe(body !== null);
  });

  test("lists are walked through", async () => {
    const pages: Step[] = [
      { status: 200, body: { data: [{ id: "a" }], next: "n" } },
      { status: 200, body: { data: [{ id: "b" }], next: null } },
    ];
    await using server = await ScriptedServer.start(...pages, ...pages, ...pages, ...pages);
    const { webhooks, watches } = new Razonete({ url: server.url });
    for (const list of [
      webhooks.list({ limit: 1 }),
      webhooks.deliveries("w1", { limit: 1, state: "parked" }),
      watches.list({ limit: 1 }),
      watches.crossings("w1", { limit: 1 }),
    ])
      expect((await list.all()).length).toBe(2);
    expect(server.requests.map(({ path }) => path)).toEqual([
      "/v1/webhooks?limit=1",
      "/v1/webhooks?limit=1&cursor=n",
      "/v1/webhooks/w1/deliveries?limit=1&state=parked",
      "/v1/webhooks/w1/deliveries?limit=1&state=parked&cursor=n",
      "/v1/watches?limit=1",
      "/v1/watches?limit=1&cursor=n",
      "/v1/watches/w1/crossings?limit=1",
      "/v1/watches/w1/crossings?limit=1&cursor=n",
    ]);
  });
});

describe("what is taken away", () => {
  test.each<[string, Step[], string, boolean]>([
    ["at once", [removed], "done", false],
    ["after a 503", [unavailable("none"), removed], "done", false],
    ["by an attempt whose answer was lost", ["close", gone], "done", true],
    ["by one that nothing is known of", [{ status: 502 }, gone], "done", true],
  ])("%s is done", async (_, steps, type, replayed) => {
    await using server = await ScriptedServer.start(...steps);
    const outcome = await new Razonete({ url: server.url }).webhooks.remove("w1").outcome();
    expect(outcome).toMatchObject(Object({ type, replayed }));
    expect(server.requests.length).toBe(steps.length);
  });

  test("was not there, where the first answer says so, also after one that changed nothing", async () => {
    for (const steps of [[gone], [unavailable("none"), gone]]) {
      await using server = await ScriptedServer.start(...steps);
      const removal = new Razonete({ url: server.url }).webhooks.remove("w1");
      expect(removal).rejects.toBeInstanceOf(RefusedError);
    }
  });

  test("is not, by an answer of something else", async () => {
    await using server = await ScriptedServer.start({ status: 200, body: "{}" });
    const outcome = await new Razonete({ url: server.url, deadlineMs: 300 }).webhooks.remove("w1").outcome();
    expect(outcome.type).toBe("unknown");
  });

  test("may stay unknown, and is settled", async () => {
    await using server = await ScriptedServer.start("close");
    const ledger = new Razonete({ url: server.url, deadlineMs: 200 });
    const outcome = await ledger.webhooks.remove("w1").outcome();
    if (outcome.type !== "unknown") throw new Error(outcome.type);
    const stored = JSON.parse(JSON.stringify(outcome.request));
    await using later = await ScriptedServer.start(gone);
    expect(await new Razonete({ url: later.url }).settle(stored).outcome()).toMatchObject({
      type: "done",
      replayed: true,
    });
    expect(later.requests).toMatchObject([{ method: "DELETE", path: "/v1/webhooks/w1", body: "" }]);
  });
});
