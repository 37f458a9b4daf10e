import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { RedisClient } from "bun";
import { z } from "zod";
import { SOURCE_PROGRAM } from "../../src/build/programs.ts";
import { shardOf } from "../../src/ledger/account-id.ts";
import { Receiver } from "../support/followers/receiver.ts";
import { Follower, type Told } from "../support/followers/event-client.ts";
import { call } from "../support/api.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { Random, testSeed } from "../support/random.ts";
import { type RunningStack, startStack } from "../support/running-stack.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary-folder.ts";
import { LoadAcross, type Settled } from "./support/load-across.ts";
import { type OpenParts, openParts } from "./support/open-parts.ts";
import { differencesOfSides, transactionsOf } from "./support/sides-check.ts";

/**
 * A stack of three shards whose processes are killed while transactions are between shards. The tests go on where the one
 * before ended.
 */

failOnLeaks();
setDefaultTimeout(400_000);

const SHARDS = 3;
const APIS = ["api-1", "api-2", "api-3"] as const;
const WRITERS = ["writer-1", "writer-2"] as const;
const FLAGS = [
  "--shards",
  String(SHARDS),
  "--apis",
  String(APIS.length),
  "--writers",
  String(WRITERS.length),
];
/** Two on each shard; none has a limit below 0. */
const ACCOUNTS = [0, 1, 2].flatMap((shard) => accountsOn(shard, 2));
const [FOLLOWED = ""] = ACCOUNTS;
const BEGINNING = 2_000;
const UNIT = "POINTS";
const CLIENTS = 12;
const KILLS = 12;
/** Kills after which nobody asks again: so many that some find transactions between their decision and their end. */
const SILENT_KILLS_MIN = 3;
const SILENT_KILLS_MAX = 15;
const DECIDED_MIN = 2;
const PATIENCE_MILLISECONDS = 90_000;

const totals = z.object({
  units: z.array(
    z.object({ unit: z.string(), balances: z.string(), world: z.string(), in_transit: z.string() }),
  ),
});
const touched = z.looseObject({
  id: z.string(),
  transaction: z.string().nullish(),
  accounts: z.record(z.string(), z.looseObject({ seq: z.int() })).optional(),
});
const SEED = testSeed();

describe.skipIf(serversMissing !== null)("a stack whose APIs are killed between shards", () => {
  let folder: TemporaryFolder;
  let data: string;
  const random = new Random(SEED);
  let receiver: Receiver;
  let stack: RunningStack;
  let load: LoadAcross;
  let redis: RedisClient;
  let everything: Follower;
  let followers: readonly Follower[] = [];
  let isSettled = false;
  const begun: Pick<Settled, "key" | "transaction" | "postings">[] = [];

  beforeAll(async () => {
    folder = temporaryFolder("between-shards");
    data = join(folder.path, "data");
    receiver = new Receiver(null);
    stack = await startStack({ data, real: true, flags: FLAGS, environment: { WEBHOOK_INNER: "allow" } });
    redis = new RedisClient(stack.description().redisUrl);
    load = new LoadAcross(stack.url, ACCOUNTS, SEED);
    for (const id of ACCOUNTS) await made("/v1/accounts", { id, unit: UNIT });
    await made("/v1/webhooks", { url: receiver.url, accounts: [FOLLOWED] });
    everything = new Follower(() => stack.url);
    followers = ACCOUNTS.map((id) => new Follower(() => stack.url, `account=${id}`));
    for (const to of ACCOUNTS) {
      const postings = [{ from: "@world", to, amount: BEGINNING }];
      const { id } = touched.parse(await made("/v1/transactions", { postings }));
      begun.push({ key: `begin-${to}`, transaction: id, postings });
    }
    load.begin(CLIENTS);
    await load.goesOn(20);
  });
  afterAll(async () => {
    await load?.giveUp();
    await Promise.all([everything, ...followers].map((follower) => follower?.stop()));
    redis?.close();
    await stack?.[Symbol.asyncDispose]();
    await receiver[Symbol.asyncDispose]();
    folder[Symbol.dispose]();
  });

  async function made(path: string, body: object): Promise<unknown> {
    const answer = await call(stack.url, "POST", path, body);
    expect([path, answer.status, answer.body]).toEqual([path, 201, answer.body]);
    return answer.body;
  }

  /**
   * While requests are under way.
   *
   * @returns what waits until the supervisor has started them again
   */
  async function kill(
    names: readonly string[],
    atThatMoment: () => void = () => {},
  ): Promise<() => Promise<void>> {
    await eventually("requests are under way", () => load.underWay >= CLIENTS / 4);
    const before = names.map((name) => [name, stack.pid(name)] as const);
    atThatMoment();
    for (const [, pid] of before) process.kill(pid, "SIGKILL");
    return () =>
      eventually(
        `${names.join(", ")} run again`,
        () => before.every(([name, pid]) => stack.pid(name) !== pid),
        () => stack.output().slice(-2000),
        PATIENCE_MILLISECONDS,
      );
  }

  /** Until no part is open. Only those that nobody asks for again are waited for, if everybody is silent. */
  async function noneIsOpen(): Promise<void> {
    let parts: unknown;
    await eventually(
      "no part is open",
      async () => {
        const found = await openParts(redis, SHARDS);
        parts = found;
        return found.open === 0;
      },
      () => parts,
      PATIENCE_MILLISECONDS,
    );
  }

  async function units(): Promise<readonly { sum: bigint; inTransit: bigint; unit: string }[]> {
    const { status, body } = await call(stack.url, "GET", "/v1/ledger");
    if (status !== 200) throw new Error(`/v1/ledger: ${status}`);
    return totals.parse(body).units.map(({ unit, balances, world, in_transit: transit }) => {
      const inTransit = BigInt(transit);
      return { unit, sum: BigInt(balances) + BigInt(world) + inTransit, inTransit };
    });
  }

  test(`at any moment, and both writers: the sums hold all the while, and what was left is completed by itself (seed ${SEED})`, async () => {
    const state = { isOver: false, reads: 0, inTransit: 0, wrong: new Array<unknown>() };
    const reading = (async () => {
      while (!state.isOver) {
        await Bun.sleep(20);
        const found = await units().catch(() => null);
        if (found === null) continue;
        state.reads += 1;
        state.wrong.push(...found.filter(({ sum }) => sum !== 0n));
        if (found.some(({ inTransit }) => inTransit !== 0n)) state.inTransit += 1;
      }
    })();
    try {
      for (let kills = 0; kills < KILLS; kills += 1) {
        await load.goesOn(random.integer(10, 60));
        // Sometimes all of them: then nobody is left who could take over what HAProxy sends again.
        const back = await kill(kills % 4 === 3 ? APIS : [random.pick(APIS)]);
        if (kills === KILLS / 2) await (await kill(WRITERS))();
        await back();
      }
      const left: OpenParts[] = [];
      const isEnough = (): boolean =>
        left.length >= SILENT_KILLS_MIN &&
        left.reduce((sum, { decided }) => sum + decided, 0) >= DECIDED_MIN &&
        left.some(({ open, decided }) => open > decided) &&
        load.foundDecided > 0;
      while (!isEnough() && left.length < SILENT_KILLS_MAX) {
        await load.goesOn(random.integer(10, 60));
        // HAProxy, too, or it would send again what had no answer.
        const back = await kill(["haproxy", ...APIS], () => load.hush());
        left.push(await openParts(redis, SHARDS));
        await back();
        await noneIsOpen();
        load.speak();
        await load.goesOn(CLIENTS);
      }
      const lost = load.settled.filter(({ wasLost }) => wasLost).length;
      console.log(
        `${load.settled.length} requests, ${lost} sent again, ${load.foundDecided} of them were decided; ` +
          `parts left open: ${left.map(({ open, decided }) => `${open} (${decided} decided)`).join(", ")}; ${state.inTransit} of ${state.reads} reads had some in transit`,
      );
      expect(isEnough()).toBe(true);
      await load.quiet();
      isSettled = true;
    } finally {
      state.isOver = true;
      await reading;
    }
    expect(state.wrong).toEqual([]);
    expect(state.inTransit).toBeGreaterThan(0);
    expect(load.surprises).toEqual([]);
    await noneIsOpen();
  });

  test("every key has one answer, every transaction is there once and whole, and the audit agrees", async () => {
    if (!isSettled) throw new Error("the first test has not settled its requests");
    const { settled } = load;
    const again = settled.filter(({ wasLost }, index) => wasLost || index % 10 === 0);
    const differences: unknown[] = [];
    for (const one of again) {
      const difference = await load.differenceOf(one);
      if (difference !== null) differences.push(difference);
    }
    expect(differences.slice(0, 3)).toEqual([]);
    expect(settled.some(({ status }) => status === 422)).toBe(true);
    await eventually(
      "the books have all, and nothing is in transit",
      async () => {
        const all = await units();
        return all.every(({ sum, inTransit }) => sum === 0n && inTransit === 0n);
      },
      () => stack.output().slice(-2000),
      PATIENCE_MILLISECONDS,
    );
    expect(await differencesOfSides(stack.url, ACCOUNTS, [...begun, ...settled])).toEqual([]);
    const audit = Bun.spawnSync([...SOURCE_PROGRAM, "audit", "--stack", data], { stderr: "pipe" });
    expect([audit.exitCode, audit.stdout.toString(), audit.stderr.toString()]).toEqual([
      0,
      expect.stringContaining("Agreed."),
      "",
    ]);
  });

  test("readers of an account and its webhook are told each once and in order", async () => {
    if (!isSettled) throw new Error("the first test has not settled its requests");
    for (const [index, id] of ACCOUNTS.entries()) {
      const wanted = await transactionsOf(stack.url, id);
      const follower = followers[index];
      await eventually(
        `all of account ${id} is told`,
        () => follower !== undefined && new Set(transactionsIn(follower.events)).size >= wanted.length,
        () => [wanted.length, follower?.events.length],
        PATIENCE_MILLISECONDS,
      );
      const told = follower?.events ?? [];
      expect([id, transactionsIn(told)]).toEqual([id, wanted]);
      expect([id, new Set(told.map((one) => one.id)).size]).toEqual([id, told.length]);
      expect([id, seqsIn(told, id)]).toEqual([id, seqsIn(told, id).toSorted((one, other) => one - other)]);
    }
    const told = everything.events;
    expect(new Set(told.map((one) => one.id)).size).toBe(told.length);

    const wanted = new Set((followers[0]?.events ?? []).map(({ id }) => id).slice(1));
    // What it is told of holds for it that are on another shard has no state of it.
    const first = (): Told[] => {
      const all = receiver.received.map(({ body }): Told => ({ cursor: null, ...JSON.parse(body) }));
      const own = all.filter(({ data: of }) => touched.parse(of).accounts?.[FOLLOWED] !== undefined);
      return own.filter((one, index) => own.findIndex(({ id }) => id === one.id) === index);
    };
    await eventually(
      "the webhook has them all",
      () => wanted.isSubsetOf(new Set(receiver.received.map(({ id }) => id))),
      () => [wanted.size, receiver.received.length],
      PATIENCE_MILLISECONDS,
    );
    const received = first();
    expect(transactionsIn(received)).toEqual(await transactionsOf(stack.url, FOLLOWED));
    expect(seqsIn(received, FOLLOWED)).toEqual(
      seqsIn(received, FOLLOWED).toSorted((one, other) => one - other),
    );
  });
});

function accountsOn(shard: number, count: number): string[] {
  const ids = Array.from({ length: 100 }, (_, number) => `x${number}`);
  return ids.filter((id) => shardOf(id, SHARDS) === shard).slice(0, count);
}

/** The transactions that are told, in their order: a capture's, too. */
function transactionsIn(events: readonly Told[]): string[] {
  return events.flatMap(({ type, data }) => {
    const { id, transaction } = touched.parse(data);
    if (type === "transaction.created") return [id];
    return type === "hold.captured" && typeof transaction === "string" ? [transaction] : [];
  });
}

function seqsIn(events: readonly Told[], account: string): number[] {
  return events.flatMap(({ data }) => touched.parse(data).accounts?.[account]?.seq ?? []);
}
