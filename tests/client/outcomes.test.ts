import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { inspect } from "node:util";
import { NotDoneError, Razonete, RefusedError, UnknownError } from "../../client/src/razonete.ts";
import { failOnLeaks } from "../support/leaks.ts";
import {
  created,
  problem,
  replayed,
  ScriptedServer,
  type Step,
  unavailable,
} from "./support/scripted-server.ts";

/** What became of a command, by what its attempts met. */

failOnLeaks();
setDefaultTimeout(60_000);

const MOVE = { postings: [{ from: "@world", to: "acme", amount: 5 }] };
/** Where an attempt that is cut off changes nothing: it leaves in doubt what is so anyway. */
const SOON = { deadlineMs: 1200, attemptMs: 400 };
/** Where one would leave in doubt what is not: a slow machine has time for an answer. */
const LATER = { deadlineMs: 4000 };

async function outcomeOf(steps: readonly Step[], options: object = {}) {
  await using server = await ScriptedServer.start(...steps);
  const ledger = new Razonete({ url: server.url, ...options });
  const outcome = await ledger.transactions.create(MOVE).outcome();
  return { outcome, requests: server.requests, keys: server.keys };
}

const refused = problem(422, "limit-exceeded", { account: "acme", index: 0 });
const redirected = { status: 307, headers: { location: "/elsewhere" } };

describe("one attempt", () => {
  test.each<[string, Step, "done" | "refused"]>([
    ["201", created, "done"],
    ["200", { status: 200, body: { id: "t1" } }, "done"],
    ["422 of the ledger", refused, "refused"],
    ["404 account-not-found", problem(404, "account-not-found"), "refused"],
    ["409 account-exists", problem(409, "account-exists"), "refused"],
    ["422 invalid-fields", problem(422, "invalid-fields"), "refused"],
    ["422 idempotency-key-reused", problem(422, "idempotency-key-reused"), "refused"],
    ["400 invalid-json", problem(400, "invalid-json"), "refused"],
    ["401 key-missing", problem(401, "key-missing"), "refused"],
    ["403 scope-missing", problem(403, "scope-missing"), "refused"],
    ["404 of a proxy", { status: 404, body: "<html>" }, "refused"],
    ["405", problem(405, "method-not-allowed"), "refused"],
    ["413", problem(413, "body-too-large"), "refused"],
    ["a bare 400", { status: 400 }, "refused"],
    ["501", { status: 501 }, "refused"],
    ["505", { status: 505 }, "refused"],
    ["a redirection", redirected, "refused"],
  ])("%s is the end", async (_, step, type) => {
    const { outcome, requests } = await outcomeOf([step]);
    expect(outcome.type).toBe(type);
    expect(requests.map(({ path }) => path)).toEqual(["/v1/transactions"]);
  });
});

describe("an attempt that is not the end", () => {
  const again: [string, Step][] = [
    ["503 none", unavailable("none")],
    ["503 unknown", unavailable("unknown")],
    ["503 of a proxy", { status: 503, body: "<html>" }],
    ["408", { status: 408, body: "<html>" }],
    ["429", problem(429, "too-many-requests")],
    ["500", problem(500, "internal-error")],
    ["502", { status: 502 }],
    ["504", { status: 504 }],
    ["a connection that is closed without an answer", "close"],
    ["an answer that is cut off", "cut"],
    ["a 201 that is no JSON", { status: 201, body: "<html>" }],
    ["a 200 of something else", { status: 200, body: { hello: "world" } }],
    ["no answer in time", "hang"],
  ];

  test.each(again)("%s: the same is sent again, with its key", async (_, step) => {
    const options = step === "hang" ? { attemptMs: 300 } : {};
    const { outcome, requests, keys } = await outcomeOf([step, replayed], options);
    expect(outcome).toEqual({
      type: "done",
      value: Object({ id: "t1" }),
      replayed: true,
      key: String(keys[0]),
    });
    if (step !== "hang") expect(requests.length).toBe(2);
    expect(requests.length).toBeGreaterThan(1);
    for (const { body, headers } of requests)
      expect([body, headers["idempotency-key"]]).toEqual([JSON.stringify(MOVE), outcome.key]);
  });

  test("is followed by others until the deadline, whatever it is", async () => {
    const all = again.map(async ([name, step]) => {
      const options = step === "hang" ? { ...LATER, attemptMs: 400 } : LATER;
      const { outcome, requests } = await outcomeOf([step], options);
      return [name, outcome.type, requests.length > 1];
    });
    const wanted = again.map(([name]) => {
      const type = name === "503 none" || name === "429" ? "not-done" : "unknown";
      return [name, type, true];
    });
    expect(await Promise.all(all)).toEqual(wanted);
  });

  test("shortly before the deadline is not followed by another one, which would leave in doubt what is not", async () => {
    await using server = await ScriptedServer.start(unavailable("none"), "hang");
    const answer = { ...unavailable("none"), headers: { "retry-after": "10" } };
    await using busy = await ScriptedServer.start(answer, "hang");
    const outcome = async ({ url }: ScriptedServer, deadlineMs: number) =>
      new Razonete({ url, deadlineMs }).transactions.create(MOVE).outcome();
    // Told at once, as it would be too late then.
    expect((await outcome(busy, 10_900)).type).toBe("not-done");
    expect(busy.requests.length).toBe(1);
    // With enough time there is one, and it counts.
    expect((await outcome(server, 4000)).type).toBe("unknown");
    expect(server.requests.length).toBeGreaterThan(1);
  });

  test("and then a refusal: it was refused", async () => {
    const { outcome } = await outcomeOf(["close", refused]);
    expect(outcome).toMatchObject({
      type: "refused",
      reason: "limit-exceeded",
      problem: { account: "acme", index: 0 },
    });
  });

  test("what may have been applied stays unknown, whatever later attempts are told of themselves", async () => {
    for (const later of [unavailable("none"), problem(429, "too-many-requests")]) {
      expect((await outcomeOf(["close", later], SOON)).outcome.type).toBe("unknown");
      expect((await outcomeOf([later, unavailable("unknown"), later], SOON)).outcome.type).toBe("unknown");
    }
  });

  test.each([
    ["401", problem(401, "key-invalid")],
    ["403", problem(403, "scope-missing")],
    ["404 of a route", problem(404, "route-not-found")],
    ["404 of a proxy", { status: 404 }],
    ["a bare 400", { status: 400 }],
    ["a redirection", redirected],
  ])("and then %s, which tells nothing of it: unknown, at once", async (_, step) => {
    const { outcome, requests } = await outcomeOf(["close", step]);
    expect(outcome).toMatchObject({ type: "unknown", problem: { status: step.status } });
    expect(requests.length).toBe(2);
  });

  test("and then what comes of the content alone: it was refused", async () => {
    expect((await outcomeOf(["close", problem(422, "invalid-fields")])).outcome.type).toBe("refused");
  });
});

describe("what is unknown", () => {
  test("can be settled later, from what was stored of it", async () => {
    await using server = await ScriptedServer.start("close");
    const ledger = new Razonete({ url: server.url, ...SOON });
    const outcome = await ledger.transactions.create(MOVE, { key: "order-7" }).outcome();
    if (outcome.type !== "unknown") throw new Error(outcome.type);
    expect(outcome.request).toEqual({
      method: "POST",
      path: "/v1/transactions",
      body: JSON.stringify(MOVE),
      key: "order-7",
    });
    const stored: typeof outcome.request = JSON.parse(JSON.stringify(outcome.request));
    await using later = await ScriptedServer.start(replayed);
    const settled = await new Razonete({ url: later.url }).settle(stored).outcome();
    expect(settled).toMatchObject({ type: "done", replayed: true, key: "order-7" });
    expect(later.requests).toMatchObject([{ method: "POST", path: "/v1/transactions", body: stored.body }]);
    expect(later.keys).toEqual(["order-7"]);
  });

  test("stays so where the settling is told nothing of it", async () => {
    const request = {
      method: "POST",
      path: "/v1/transactions",
      body: JSON.stringify(MOVE),
      key: "k",
    } as const;
    for (const step of [unavailable("none"), problem(401, "key-invalid")]) {
      await using server = await ScriptedServer.start(step);
      const ledger = new Razonete({ url: server.url, ...SOON });
      expect((await ledger.settle(request).outcome()).type).toBe("unknown");
    }
    await using server = await ScriptedServer.start(refused);
    expect((await new Razonete({ url: server.url }).settle(request).outcome()).type).toBe("refused");
  });
});

describe("awaited, a command is its answer, or throws", () => {
  test("what was refused, with all that the problem tells", async () => {
    await using server = await ScriptedServer.start(refused);
    const sent = new Razonete({ url: server.url }).transactions.create(MOVE);
    const error: unknown = await sent.catch((reason: unknown) => reason);
    if (!(error instanceof RefusedError)) throw error;
    expect(error).toMatchObject({ reason: "limit-exceeded", status: 422, account: "acme", index: 0 });
    expect(error.message).toContain("acme");
    expect(error.outcome).toEqual({
      type: "refused",
      reason: "limit-exceeded",
      problem: error.problem,
      key: sent.key,
    });
    expect(inspect(error).split("urn:razonete:problem:limit-exceeded").length).toBe(2);
  });

  test("what was not done, and what is unknown, with what to do", async () => {
    await using none = await ScriptedServer.start(unavailable("none"));
    await using lost = await ScriptedServer.start("close");
    const send = ({ url }: ScriptedServer, options: object) =>
      new Razonete({ url, ...options }).transactions.create(MOVE);
    expect(send(none, LATER)).rejects.toBeInstanceOf(NotDoneError);
    const sent = send(lost, SOON);
    const error: unknown = await sent.catch((reason: unknown) => reason);
    if (!(error instanceof UnknownError)) throw error;
    expect(error.message).toContain(sent.key);
    expect(error.request.key).toBe(sent.key);
  });

  test("the answer itself", async () => {
    await using server = await ScriptedServer.start(created);
    expect(await new Razonete({ url: server.url }).transactions.create(MOVE)).toEqual(Object({ id: "t1" }));
  });
});
