import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { findTarget, type LoadTarget } from "../../proof/load-test/http/load-target.ts";
import { requestPartsOf } from "../../proof/torture/clients/http-codec.ts";
import { KnownThings } from "../../proof/torture/clients/known-things.ts";
import type { Attempt } from "../../proof/torture/clients/history.ts";
import { ClientKeys } from "../../proof/torture/clients/client-keys.ts";
import { ClientLoad } from "../../proof/torture/clients/client-load.ts";
import { Random } from "../../proof/torture/plan/random.ts";
import { tortureBounds } from "../../proof/torture/torture-bounds.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { testSeed } from "../support/random.ts";
import { eventually } from "../support/eventually.ts";
import { markOfRequest, StandInLedger, type Trouble } from "./support/stand-in-ledger.ts";

failOnLeaks();
setDefaultTimeout(60_000);

const seed = testSeed();
const CLIENTS = 12;
/** Long enough for a busy machine: whoever gets no answer waits so long. */
const ANSWER_MILLISECONDS = 2_000;
const PAUSE = { min: 1, max: 20 };

describe(`the clients of the torture (seed ${seed})`, () => {
  let ledger: StandInLedger;
  let target: LoadTarget;
  let load: ClientLoad;

  beforeEach(async () => {
    ledger = new StandInLedger();
    target = await findTarget(await ledger.start());
    ledger.connections = 0;
    load = clients(ANSWER_MILLISECONDS);
  });
  afterEach(async () => {
    load.close();
    await ledger.stop();
  });

  function clients(answerMilliseconds?: number): ClientLoad {
    return new ClientLoad({
      target,
      seed,
      clients: CLIENTS,
      pause: PAUSE,
      ...(answerMilliseconds === undefined ? {} : { answerMilliseconds }),
    });
  }

  /** A round of so many requests. */
  async function round(requests: number): Promise<readonly Attempt[]> {
    const until = load.requests + requests;
    load.start();
    await eventually("the round's requests", () => load.requests >= until);
    return load.stop();
  }

  test("ask for everything, are refused now and then, and keep most connections", async () => {
    // Everybody gets an answer here, however long a busy machine takes.
    load = clients();
    const attempts = [...(await round(1_000)), ...(await round(1_000))];
    expect(attempts).toHaveLength(load.requests);
    expect(attempts.map(({ number }) => number).toSorted((a, b) => a - b)).toEqual(
      attempts.map((_, index) => index + 1),
    );
    const share = (is: (attempt: Attempt) => boolean) => attempts.filter(is).length / attempts.length;
    expect(share(({ operation }) => operation.type === "transact")).toBeWithin(0.15, 0.4);
    expect(share(({ operation }) => operation.type === "statement")).toBeWithin(0.03, 0.15);
    expect(share(({ operation }) => operation.type === "transaction")).toBeWithin(0.08, 0.3);
    for (const type of ["hold", "capture", "release", "reversal", "batch", "change-limit", "change-state"])
      expect(
        share(({ operation }) => operation.type === type),
        type,
      ).toBeWithin(0.005, 0.2);
    for (const type of ["read-account", "read-hold", "read-transaction"])
      expect(
        share(({ operation }) => operation.type === type),
        type,
      ).toBeWithin(0.005, 0.15);
    expect(share(({ operation }) => operation.type === "open")).toBeWithin(0.04, 0.25);
    expect(share(({ key }) => key !== null)).toBeWithin(0.25, 0.7);
    expect(share(({ answer }) => answer.type === "refused")).toBeWithin(0.05, 0.45);
    expect(share(({ answer }) => answer.type === "accepted" && answer.replayed)).toBeWithin(0.005, 0.2);
    const types = new Set(attempts.map(({ answer }) => answer.type));
    expect([...types].toSorted()).toEqual([
      "accepted",
      "account",
      "batch",
      "dry-run",
      "hold",
      "refused",
      "statement",
      "transaction",
    ]);
    // Every fourth client has a connection for each request, what is sent twice at once another one.
    expect(ledger.connections).toBeWithin(attempts.length / 8, attempts.length / 2);
  });

  test("send each thing as often as they say, whatever happens to it, and what has no key once", async () => {
    const random = new Random(seed);
    const troubles: readonly Trouble[] = [
      "closed-before",
      "closed-after",
      "half-an-answer",
      "no-answer",
      "not-done",
      "unknown",
      "no-json",
      "defect",
    ];
    ledger.trouble = () => (random.chance(35) ? random.pick(troubles) : null);
    const attempts = [...(await round(600)), ...(await round(300))];

    expect(ledger.received).toHaveLength(attempts.length);
    const sent = countsOf(attempts.map(({ operation, key }) => `${markOf(operation)} ${key}`));
    expect(countsOf(ledger.received.map(({ mark, key }) => `${mark} ${key}`))).toEqual(sent);

    const unkeyed = attempts.filter(({ operation, key }) => key === null && isSentOnce(operation));
    for (const { operation, answer } of unkeyed) {
      const received = ledger.received.filter(({ mark }) => mark === markOf(operation));
      expect(received).toHaveLength(1);
      expect(EXPECTED[received[0]?.trouble ?? "none"]).toContain(answer.type);
    }
    for (const trouble of troubles) {
      expect(ledger.received.filter((one) => one.trouble === trouble).length).toBeGreaterThan(5);
    }
    expect(attempts.filter(({ answer }) => answer.type === "not-done").length).toBeGreaterThan(10);
    // What took too long was given up in time.
    expect(Math.max(...attempts.map(({ sentAt, endedAt }) => endedAt - sentAt))).toBeLessThan(
      ANSWER_MILLISECONDS * 2,
    );
  });

  test("send again what has a key and no outcome, now or in a later round, with the same content", async () => {
    ledger.trouble = () => "closed-after";
    const first = await round(150);
    ledger.trouble = () => null;
    const later = [...(await round(1_200)), ...(await round(1_200))];

    const unanswered = first.filter(({ key, answer }) => key !== null && answer.type === "unknown");
    const again = unanswered.flatMap(({ key, operation }) => {
      const others = later.filter((one) => one.key === key);
      for (const one of others) expect(one.operation).toEqual(operation);
      return others;
    });
    expect(again.length).toBeGreaterThan(unanswered.length / 3);
    for (const { answer } of again) {
      expect(answer.type).toBeOneOf(["accepted", "refused", "batch"]);
      if (answer.type === "accepted" || answer.type === "refused") expect(answer.replayed).toBe(true);
    }
    const keyless = new Set(
      first
        .filter(({ key, operation }) => key === null && isSentOnce(operation))
        .map(({ operation }) => markOf(operation)),
    );
    expect(later.filter(({ operation }) => keyless.has(markOf(operation)))).toEqual([]);
  });

  test("send some things twice at the same time", async () => {
    const attempts = await round(600);
    const overlapping = attempts.filter((one) =>
      attempts.some(
        (other) =>
          other !== one &&
          one.key !== null &&
          other.key === one.key &&
          other.sentAt < one.endedAt &&
          one.sentAt < other.endedAt,
      ),
    );
    expect(overlapping.length).toBeGreaterThan(3);
  });

  test("never use a mark twice, unless it is the same thing again", async () => {
    const attempts = await round(1_500);
    const commands = new Map<string, Attempt["operation"]>();
    for (const { operation, key } of attempts) {
      const mark = markOf(operation);
      if (mark === "") continue;
      const known = commands.get(mark);
      if (known !== undefined) {
        expect(key !== null || !isSentOnce(operation)).toBeTrue();
        expect(known).toEqual(operation);
      }
      commands.set(mark, operation);
    }
    expect(commands.size).toBeGreaterThan(500);
    for (const mark of commands.keys())
      if (!mark.startsWith("/")) expect(Array.from(mark).length).toBeLessThanOrEqual(10);
  });

  test("come with access keys, also with the revoked one, whose refusal they hold to", async () => {
    const tokens = new Map([
      ["one", "rz_1"],
      ["two", "rz_2"],
      ["three", "rz_3"],
    ]);
    const keys = new ClientKeys(
      new Random(seed),
      [...tokens].map(([name, token]) => ({ name, token })),
    );
    load.close();
    load = new ClientLoad({ target, seed, keys, clients: CLIENTS, pause: PAUSE });
    // So many that a good number of them is sent again, whatever the seed.
    const before = await round(2_000);
    const namesSent = (attempts: readonly Attempt[]) =>
      countsOf(attempts.map(({ operation, by }) => `${markOf(operation)} ${tokens.get(by ?? "")}`));
    const received = () => countsOf(ledger.received.map(({ mark, token }) => `${mark} ${token}`));
    expect(received()).toEqual(namesSent(before));
    expect(new Set(before.map(({ by }) => by))).toEqual(new Set(tokens.keys()));
    // Sent again, with another key.
    const names = Map.groupBy(
      before.filter(({ key }) => key !== null),
      ({ key }) => key,
    );
    const changed = [...names.values()].filter((tries) => new Set(tries.map(({ by }) => by)).size > 1);
    expect(changed.length).toBeGreaterThan(5);

    const { name, token } = keys.isRevoked();
    ledger.denied.add(token);
    keys.wasRevoked(performance.now() - 2 * tortureBounds.key_known_milliseconds_max);
    load.start();
    await load.useRevoked();
    const after = [...(await load.stop()), ...(await round(300))];
    expect(received()).toEqual(namesSent([...before, ...after]));
    const refused = after.filter(({ by }) => by === name).map(({ answer }) => answer.type);
    expect(refused.length).toBeGreaterThan(1);
    expect(new Set(refused)).toEqual(new Set(["not-done"]));
    expect(after.filter(({ answer }) => answer.type === "odd")).toEqual([]);

    ledger.denied.clear();
    await load.useRevoked();
    expect((await load.stop()).map(({ answer }) => answer)).toEqual([
      { type: "odd", reason: expect.stringMatching(/^the access key one was taken \d+\.\d s after/) },
    ]);
  });

  test("prove that the system answers, or say what it answered instead", async () => {
    expect(await load.probe()).toBeNull();
    ledger.trouble = () => "not-done";
    expect(await load.probe()).toContain("not-done");
    ledger.trouble = () => null;
    // What was sent meanwhile is part of the history.
    expect((await load.stop()).length).toBe(load.requests);
  });

  test("give up what is under way where the load is closed", async () => {
    ledger.trouble = () => "no-answer";
    load.start();
    await eventually("requests that hang", () => ledger.received.length >= CLIENTS);
    const began = performance.now();
    load.close();
    const attempts = await load.stop();
    expect(performance.now() - began).toBeLessThan(ANSWER_MILLISECONDS);
    expect(new Set(attempts.map(({ answer }) => answer.type))).toEqual(new Set(["unknown"]));
  });
});

test("a limit is never asked for twice of one account, and none of an opening by a change", () => {
  const accounts = new KnownThings();
  const random = new Random(seed);
  // So narrow a range that numbers are drawn again and again.
  const known = { account: "7", unit: "BRL/2", creditLimit: 400 };
  const changed = Array.from({ length: 150 }, () => accounts.limitToChange(random, known));
  expect(new Set(changed).size).toBe(150);
  const opened = Array.from({ length: 20_000 }, () => accounts.limitToOpen(random));
  expect(new Set(opened).size).toBe(20_000);
  expect(changed.filter((limit) => limit % 2 !== 0)).toEqual([]);
  expect(opened.filter((limit) => limit % 2 === 0)).toEqual([]);
  const hot = Array.from({ length: 40_000 }, () =>
    accounts.limitToChange(random, { account: "2", unit: "BRL/2", creditLimit: 80_000 }),
  );
  expect(hot).not.toContain(80_000);
});

test("clients want the same for the same seed", async () => {
  const wanted: string[][] = [];
  for (const runSeed of [7, 7, 8]) {
    const ledger = new StandInLedger();
    const target = await findTarget(await ledger.start());
    // One client alone: with several, the order in which they learn of new accounts differs.
    const load = new ClientLoad({ target, seed: runSeed, clients: 1, pause: PAUSE });
    load.start();
    await eventually("30 requests", () => load.requests >= 30);
    const attempts = await load.stop();
    // The ids that the ledger makes are of chance.
    wanted.push(attempts.slice(0, 30).map(({ operation }) => `${operation.type} ${shortMarkOf(operation)}`));
    load.close();
    await ledger.stop();
  }
  expect(wanted[0]).toEqual(wanted[1] ?? []);
  expect(wanted[0]).not.toEqual(wanted[2] ?? []);
});

const EXPECTED: Readonly<Record<Trouble | "none", readonly Attempt["answer"]["type"][]>> = {
  none: ["accepted", "refused", "dry-run"],
  "closed-before": ["unknown"],
  "closed-after": ["unknown"],
  "half-an-answer": ["unknown"],
  "no-answer": ["unknown"],
  "not-done": ["not-done"],
  unknown: ["unknown"],
  "no-json": ["odd"],
  defect: ["odd"],
};

/** As the stand-in sees it. */
function markOf(operation: Attempt["operation"]): string {
  const { path, body } = requestPartsOf(operation);
  return markOfRequest(path, body ?? {});
}

/** Without the account, where a limit is the mark. */
function shortMarkOf(operation: Attempt["operation"]): string {
  return markOf(operation).replace(/^.* /, "");
}

/** What has a mark and, without a key, is not sent again. */
function isSentOnce(operation: Attempt["operation"]): boolean {
  return markOf(operation) !== "" && !(operation.type === "open" && operation.account !== null);
}

function countsOf(values: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const value of values.toSorted()) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}
