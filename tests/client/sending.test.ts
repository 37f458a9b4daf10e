import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { inspect } from "node:util";
import { Razonete, RazoneteError } from "../../client/src/razonete.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { created, problem, ScriptedServer, unavailable } from "./support/scripted-server.ts";

/** How requests are sent: when, how often, with what, and what is never sent. */

failOnLeaks();
setDefaultTimeout(60_000);

const MOVE = { postings: [{ from: "@world", to: "acme", amount: 5 }] };
const ACCESS_KEY = "rzn_a-very-secret-one";

describe("keys", () => {
  test("each command has a new one, a UUID, and keeps it; a read has none", async () => {
    await using server = await ScriptedServer.start(unavailable("none"), created);
    const ledger = new Razonete({ url: server.url });
    const sent = ledger.transactions.create(MOVE);
    expect(sent.key).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    await sent;
    const other = ledger.transactions.create(MOVE);
    await other;
    await ledger.transactions.get("t1");
    expect(server.keys).toEqual([sent.key, sent.key, other.key, undefined]);
    expect(other.key).not.toBe(sent.key);
  });

  test("may be one's own, and one that cannot be is refused at once", async () => {
    await using server = await ScriptedServer.start(created);
    const ledger = new Razonete({ url: server.url });
    await ledger.transactions.create(MOVE, { key: "mine" });
    expect(server.keys).toEqual(["mine"]);
    for (const key of ["", "with blank", "ä", "x".repeat(256), "line\n"])
      expect(() => ledger.transactions.create(MOVE, { key })).toThrow(TypeError);
    expect(server.requests.length).toBe(1);
  });
});

describe("pauses", () => {
  const gaps = ({ requests }: ScriptedServer) =>
    requests.slice(1).map(({ at }, index) => at - (requests[index]?.at ?? 0));

  test("grow, each by chance", async () => {
    await using server = await ScriptedServer.start("close", "close", "close", "close", created);
    await new Razonete({ url: server.url }).transactions.create(MOVE);
    const [first = 0, second = 0, third = 0, fourth = 0] = gaps(server);
    // Timers may come a millisecond early.
    expect([first >= 99, second >= 199, third >= 399, fourth >= 799]).toEqual([true, true, true, true]);
  });

  test.each([
    ["seconds", () => "1", (_: string, first: number) => first + 1000],
    // A date has no fraction of a second: between one and two seconds, or less where the machine stands still.
    [
      "a date",
      () => new Date(Date.now() + 2000).toUTCString(),
      (date: string) => Date.parse(date) - performance.timeOrigin,
    ],
  ])("are as long as Retry-After says, %s", async (_, retryAfter, earliest) => {
    for (const answer of [problem(429, "too-many-requests"), unavailable("none")]) {
      const header = retryAfter();
      const asked = { ...answer, headers: { "retry-after": header } };
      await using server = await ScriptedServer.start(asked, created);
      await new Razonete({ url: server.url }).transactions.create(MOVE);
      const [first, second] = server.requests;
      expect(second?.at).toBeGreaterThan(earliest(header, first?.at ?? 0) - 50);
    }
  });

  test("that would pass the deadline are not waited for", async () => {
    const busy = { ...problem(429, "too-many-requests"), headers: { "retry-after": "3600" } };
    await using server = await ScriptedServer.start(busy);
    const outcome = await new Razonete({ url: server.url }).transactions.create(MOVE).outcome();
    expect(outcome).toMatchObject({ type: "not-done", problem: { status: 429 } });
    expect(server.requests.length).toBe(1);
  });
});

test("a deadline, an attempt and a pause of months are waited for, and are not over at once", async () => {
  const soon = new AbortController();
  const busy = { ...problem(429, "too-many-requests"), headers: { "retry-after": "3000000" } };
  await using server = await ScriptedServer.start(
    Bun.sleep(50).then(() => created),
    busy,
  );
  const noting = notingFetch();
  const ledger = new Razonete({
    url: server.url,
    deadlineMs: 2 ** 40,
    attemptMs: 2 ** 33,
    fetch: noting.fetch,
  });
  await ledger.transactions.create(MOVE);
  expect(server.requests.length).toBe(1);
  const sent = ledger.transactions.create(MOVE, { signal: soon.signal });
  const outcome = sent.outcome();
  await eventually("it waits", () => noting.answered === 2);
  await Bun.sleep(100);
  soon.abort();
  expect(await outcome).toMatchObject({ type: "not-done", detail: "it was aborted" });
  expect(server.requests.length).toBe(2);
});

describe("an abort", () => {
  test("before: nothing is sent", async () => {
    await using server = await ScriptedServer.start(created);
    const sent = new Razonete({ url: server.url }).transactions.create(MOVE, { signal: AbortSignal.abort() });
    expect((await sent.outcome()).type).toBe("not-done");
    expect(server.requests).toEqual([]);
  });

  test("while an attempt is under way: unknown", async () => {
    await using server = await ScriptedServer.start("hang");
    const stop = new AbortController();
    const sent = new Razonete({ url: server.url }).transactions.create(MOVE, { signal: stop.signal });
    const outcome = sent.outcome();
    await eventually("it is sent", () => server.requests.length === 1);
    stop.abort();
    expect(await outcome).toMatchObject({ type: "unknown", detail: "it was aborted" });
    expect(server.requests.length).toBe(1);
  });

  test("in a pause after answers that changed nothing: not done", async () => {
    await using server = await ScriptedServer.start({
      ...unavailable("none"),
      headers: { "retry-after": "5" },
    });
    const stop = new AbortController();
    const noting = notingFetch();
    const ledger = new Razonete({ url: server.url, fetch: noting.fetch });
    const outcome = ledger.transactions.create(MOVE, { signal: stop.signal }).outcome();
    await eventually("it waits", () => noting.answered === 1);
    stop.abort();
    expect(await outcome).toMatchObject({ type: "not-done", detail: "it was aborted" });
  });

  test("of a read throws the signal's reason", async () => {
    await using server = await ScriptedServer.start("hang");
    const stop = new AbortController();
    const read = new Razonete({ url: server.url }).accounts.get("acme", { signal: stop.signal });
    setTimeout(() => stop.abort(new Error("the page was left")), 50);
    expect(read).rejects.toThrow("the page was left");
  });

  test("and a deadline end even what does not heed its signal", async () => {
    const deaf = Object.assign(() => new Promise<Response>(() => {}), { preconnect: () => {} });
    const ledger = new Razonete({ url: "http://127.0.0.1:1", fetch: deaf, deadlineMs: 100 });
    expect((await ledger.transactions.create(MOVE).outcome()).type).toBe("unknown");
  });
});

describe("reads and dry runs", () => {
  test("are sent again, and never unknown", async () => {
    await using server = await ScriptedServer.start(
      "close",
      "cut",
      { status: 502 },
      { status: 200, body: { id: "acme" } },
    );
    expect(await new Razonete({ url: server.url }).accounts.get("acme")).toEqual(Object({ id: "acme" }));
    await using gone = await ScriptedServer.start("close");
    const ledger = new Razonete({ url: gone.url, deadlineMs: 300 });
    expect(ledger.accounts.get("acme")).rejects.toMatchObject({ type: "not-done" });
    expect(ledger.transactions.dryRun(MOVE)).rejects.toMatchObject({ type: "not-done" });
  });

  test("what is not there is refused; so is a key that was revoked after a lost answer", async () => {
    await using server = await ScriptedServer.start(
      problem(404, "hold-not-found"),
      "close",
      problem(401, "key-invalid"),
    );
    const ledger = new Razonete({ url: server.url });
    expect(ledger.holds.get("h1")).rejects.toMatchObject({ reason: "hold-not-found" });
    expect(ledger.holds.get("h1")).rejects.toMatchObject({ reason: "key-invalid" });
  });
});

describe("what cannot be is refused at once, and not sent", () => {
  test.each<[string, (ledger: Razonete) => unknown]>([
    ["NaN", (ledger) => ledger.holds.capture("h1", { amount: Number.NaN })],
    ["a fraction", (ledger) => ledger.holds.create({ from: "acme", amount: 0.1 })],
    ["2^53", (ledger) => ledger.accounts.change("acme", { credit_limit: 2 ** 53 })],
    [
      "infinity",
      (ledger) => ledger.transactions.create({ postings: [{ from: "a", to: "b", amount: 1 / 0 }] }),
    ],
    ["a bigint", (ledger) => ledger.holds.create(Object({ from: "acme", amount: 5n }))],
    ["an amount that is undefined", (ledger) => ledger.holds.capture("h1", Object({ amount: undefined }))],
    ["an id of two points", (ledger) => ledger.holds.capture("..")],
    ["an id with a slash", (ledger) => ledger.accounts.get("a/b")],
    ["no id", (ledger) => ledger.holds.release(Object(undefined).id)],
    ["a fraction in a query", (ledger) => ledger.accounts.list({ balance_gt: 0.5 }).page()],
    ["what is no request to settle", (ledger) => ledger.settle(Object({ method: "GET", path: "/v1/x" }))],
    ["a deadline of NaN", (ledger) => ledger.transactions.create(MOVE, { deadlineMs: Number.NaN })],
  ])("%s", async (_, call) => {
    await using server = await ScriptedServer.start(created);
    const ledger = new Razonete({ url: server.url });
    const called = async () => call(ledger);
    expect(called()).rejects.not.toBeInstanceOf(RazoneteError);
    await Bun.sleep(20);
    expect(server.requests).toEqual([]);
  });

  test.each(["/ledger", "ftp://127.0.0.1", "http://u:secret@127.0.0.1", "http://127.0.0.1/?a=1"])(
    "the url %s",
    (url) => {
      expect(() => new Razonete({ url })).toThrow(TypeError);
      expect(() => new Razonete({ url })).not.toThrow(/secret/);
    },
  );
});

describe("the access key", () => {
  test("is sent as a bearer, with reads and commands, to a path below the url too", async () => {
    await using server = await ScriptedServer.start(created);
    const ledger = new Razonete({ url: `${server.url}/ledger/`, accessKey: ACCESS_KEY });
    await ledger.transactions.create(MOVE);
    await ledger.transactions.get("t1");
    expect(server.requests.map(({ headers }) => headers["authorization"])).toEqual([
      `Bearer ${ACCESS_KEY}`,
      `Bearer ${ACCESS_KEY}`,
    ]);
    expect(server.requests[0]?.path).toBe("/ledger/v1/transactions");
  });

  test("is in no error, no outcome, and not shown with the client", async () => {
    const telling = Object.assign(
      async (...args: Parameters<typeof fetch>): Promise<Response> => {
        const told = JSON.stringify(args[1]?.headers);
        throw Object.assign(new TypeError(told, { cause: new Error(told) }), { config: args });
      },
      { preconnect: () => {} },
    );
    const ledger = new Razonete({
      url: "http://127.0.0.1:1",
      accessKey: ACCESS_KEY,
      fetch: telling,
      deadlineMs: 50,
    });
    const outcome = await ledger.transactions.create(MOVE).outcome();
    const error: unknown = await ledger.transactions.create(MOVE).catch((reason: unknown) => reason);
    const read: unknown = await ledger.accounts.get("acme").catch((reason: unknown) => reason);
    const shown = [ledger, outcome, error, read].map(
      (one) =>
        inspect(one, { depth: 9, showHidden: true }) + Bun.inspect(one, { depth: 9 }) + JSON.stringify(one),
    );
    expect(shown.join("\n")).not.toContain(ACCESS_KEY);
    expect(shown.join("\n")).toContain("(the access key)");
  });

  test("that cannot stand in a header is refused without being told", () => {
    const make = () => new Razonete({ url: "http://127.0.0.1:1", accessKey: `${ACCESS_KEY}\n` });
    expect(make).toThrow(TypeError);
    expect(make).not.toThrow(new RegExp(ACCESS_KEY));
  });
});

/** Counts the answers that are there to their end: whoever asked knows them at once. */
function notingFetch() {
  const noting = {
    answered: 0,
    fetch: Object.assign(
      async (...request: Parameters<typeof fetch>): Promise<Response> => {
        const response = await fetch(...request);
        const text = await response.text();
        noting.answered += 1;
        return new Response(text, response);
      },
      { preconnect: () => {} },
    ),
  };
  return noting;
}
