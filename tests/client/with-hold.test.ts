import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { HoldError, Razonete, RefusedError, UnknownError, type Used } from "../../client/src/razonete.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { problem, type Reply, ScriptedServer, type Step, unavailable } from "./support/scripted-server.ts";

/** A hold around some work: what is captured, what is released, and what is told where that fails. */

failOnLeaks();
setDefaultTimeout(60_000);

const hold = (state: string): Reply => ({ status: 200, body: { ...BODY, state } });
const BODY = { id: "h1", from: "acme", amount: 100, expires_at: "2026-11-26T10:00:00.000000Z", account: {} };
const held: Reply = { status: 201, body: { ...BODY, state: "open" } };
const ended = (state: string) => problem(422, "hold-not-open", { state });
/** For what is sent again until then: long enough for a slow machine to have an answer to each. */
const DEADLINE_MS = 4000;

interface Ran {
  readonly value: unknown;
  readonly error: unknown;
  /** What was asked for after the hold was made, in short. */
  readonly sent: readonly string[];
  readonly server: ScriptedServer;
}

/** @param answers to what comes after the hold */
async function run(
  work: () => Used | Promise<Used>,
  answers: readonly Step[],
  options: object = {},
): Promise<Ran> {
  await using server = await ScriptedServer.start(held, ...answers);
  const ledger = new Razonete({ url: server.url, deadlineMs: DEADLINE_MS });
  const [value, error] = await ledger.withHold("acme", 100, work, options).then(
    (done) => [done, null],
    (reason: unknown) => [null, reason],
  );
  const sent = server.requests
    .slice(1)
    .map(({ path, body }) => `${path.replace("/v1/holds/h1/", "")} ${body}`);
  return { value, error, sent, server };
}

function holdError({ error }: Ran): HoldError {
  if (error instanceof HoldError) return error;
  throw error;
}

const failure = new Error("the model is away");
const fails = () => {
  throw failure;
};

test("an amount is captured", async () => {
  const { value, sent, server } = await run(() => 12, [hold("captured")], {
    expires_in: 60,
    reference: "call-1",
  });
  expect(value).toEqual({ hold: Object({ ...BODY, state: "captured" }), result: undefined });
  expect(JSON.parse(server.requests[0]?.body ?? "")).toEqual({
    expires_in: 60,
    reference: "call-1",
    from: "acme",
    amount: 100,
  });
  expect(sent).toEqual(['capture {"amount":12}']);
});

test("nothing used is a capture of 0", async () => {
  expect((await run(() => 0, [hold("captured")])).sent).toEqual(['capture {"amount":0}']);
});

test("what is to be handed through is handed through, and not sent", async () => {
  const { value, sent } = await run(
    async () => ({ amount: 12, to: "shop", result: { text: "hello" } }),
    [hold("captured")],
  );
  expect(value).toMatchObject({ result: { text: "hello" } });
  expect(sent).toEqual(['capture {"amount":12,"to":"shop"}']);
});

test("postings split it", async () => {
  const postings = [
    { to: "shop", amount: 10 },
    { to: "fees", amount: 2 },
  ];
  const { sent } = await run(() => ({ postings }), [hold("captured")]);
  expect(sent).toEqual([`capture ${JSON.stringify({ postings })}`]);
});

test("where there is no hold, the work is not run", async () => {
  for (const [answer, kind] of [
    [problem(422, "limit-exceeded"), RefusedError],
    ["close", UnknownError],
  ] as const) {
    await using server = await ScriptedServer.start(answer);
    let isRun = false;
    const ledger = new Razonete({ url: server.url, deadlineMs: DEADLINE_MS });
    const ran = ledger.withHold("acme", 100, () => {
      isRun = true;
      return 1;
    });
    expect(ran).rejects.toBeInstanceOf(kind);
    expect(isRun).toBe(false);
  }
});

describe("where the work fails", () => {
  test("the hold is released, and what the work threw is thrown", async () => {
    const { error, sent } = await run(fails, [hold("released")]);
    expect(error).toBe(failure);
    expect(sent).toEqual(["release {}"]);
  });

  test("also if the hold has expired or was released meanwhile: nothing is held any more", async () => {
    expect((await run(fails, [ended("expired")])).error).toBe(failure);
    expect((await run(fails, [ended("released")])).error).toBe(failure);
  });

  test.each<[string, Step, string, RegExp]>([
    ["it was captured meanwhile", ended("captured"), "refused", /had been captured/],
    ["the release is refused", problem(403, "scope-missing"), "refused", /still open, until 2026-11-26/],
    ["nothing could be done", unavailable("none"), "not-done", /still open, until 2026-11-26/],
    ["it is not known", "close", "unknown", /not known/],
  ])("and the hold is not free since %s: that is told, with both", async (_, answer, type, message) => {
    const error = holdError(await run(fails, [answer]));
    expect(error).toMatchObject({ step: "release", hold: { id: "h1" }, outcome: { type }, cause: failure });
    expect(error.message).toMatch(message);
  });

  test("what it returns and is no amount is a failure, and never the capture of all", async () => {
    const wrong: unknown[] = [
      undefined,
      null,
      Number.NaN,
      0.5,
      -1,
      "7",
      7n,
      {},
      { amount: undefined },
      [],
      true,
    ];
    wrong.push({ postings: [] }, { postings: [{ to: "shop", amount: 0 }] }, { postings: [{ to: "shop" }] });
    for (const used of wrong) {
      const work: () => Used = () => Object({ used }).used;
      const { error, sent } = await run(work, [hold("released")]);
      expect([used, error]).toEqual([used, expect.any(RangeError)]);
      expect(sent).toEqual(["release {}"]);
    }
  });
});

test("what it returns and cannot be sent is a failure, too: the hold is released", async () => {
  const cycle: { to?: unknown } = {};
  cycle.to = cycle;
  for (const to of [7n, Number.NaN, cycle]) {
    const work: () => Used = () => Object({ amount: 1, to });
    const { error, sent } = await run(work, [hold("released")]);
    expect([error instanceof HoldError, error instanceof Error, sent]).toEqual([false, true, ["release {}"]]);
  }
});

describe("where the capture fails", () => {
  test.each<[string, Step, string, RegExp]>([
    [
      "it expired meanwhile",
      ended("expired"),
      "refused",
      /expired before its capture, so nothing was charged/,
    ],
    ["it was released meanwhile", ended("released"), "refused", /had been released before its capture/],
    ["more was used than there is", problem(422, "limit-exceeded"), "refused", /still open.*hold\.amount/],
    [
      "an earlier run with its key captured another amount",
      problem(422, "idempotency-key-reused"),
      "refused",
      /key was used before.*holds\.get/,
    ],
    ["nothing could be done", unavailable("none"), "not-done", /still open/],
    ["it is not known", "close", "unknown", /settle outcome\.request/],
  ])("since %s: that is told, with what the work returned", async (_, answer, type, message) => {
    const ran = await run(() => ({ amount: 120, result: "text" }), [answer]);
    const error = holdError(ran);
    expect(error).toMatchObject({
      step: "capture",
      hold: { id: "h1" },
      outcome: { type },
      used: { amount: 120, result: "text" },
    });
    expect(error.message).toMatch(message);
    expect(new Set(ran.sent)).toEqual(new Set(['capture {"amount":120}']));
  });
});

test("an abort during the work does not keep the hold from being released, or what was used from being captured", async () => {
  const stop = new AbortController();
  const abort = (end: () => number) => () => {
    stop.abort(failure);
    return end();
  };
  const released = await run(abort(fails), [hold("released")], { signal: stop.signal });
  expect([released.error, released.sent]).toEqual([failure, ["release {}"]]);
  const other = new AbortController();
  const captured = await run(
    () => {
      other.abort();
      return 5;
    },
    [hold("captured")],
    { signal: other.signal },
  );
  expect([captured.error, captured.sent]).toEqual([null, ['capture {"amount":5}']]);
});

test("a key of one's own makes one operation of all that is sent", async () => {
  const { server } = await run(() => 12, [hold("captured")], { key: "job-17" });
  expect(server.keys).toEqual(["job-17", "job-17.capture"]);
  const failed = await run(fails, [hold("released")], { key: "job-18" });
  expect(failed.server.keys).toEqual(["job-18", "job-18.release"]);
  const long = await run(() => 12, [], { key: "x".repeat(250) });
  expect([long.error, long.server.requests]).toEqual([expect.any(TypeError), []]);
});
