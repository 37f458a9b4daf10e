import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { z } from "zod";
import { Receiver } from "../support/followers/receiver.ts";
import { accountOn } from "../support/account-on.ts";
import { call } from "../support/api.ts";
import { Cluster } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { startRedis } from "../support/servers/redis.ts";
import { Follower, type Told } from "../support/followers/event-client.ts";
import { done } from "./support/mixed-load.ts";
import { StoppingProxy } from "./support/stopping-proxy.ts";

/** Transactions across shards, as they are told to who follows an account, or has a webhook for it. */

failOnLeaks();
setDefaultTimeout(120_000);

const SHARDS = 3;
const [A, B, C] = [accountOn(0, SHARDS), accountOn(1, SHARDS), accountOn(2, SHARDS)];
const ALL = [A, B, C];
const BEGINNING = 1_000;
/** What the shard of a part is sent for it to be finished: see src/decide/transits/transit-arguments.ts. */
const FINISH = "fin:";

/** What home is sent to decide a transaction, as arguments of the function. */
function decisionOf(key: string): string {
  const id = `key:${key}`;
  return `$1\r\ns\r\n$${id.length}\r\n${id}\r\n`;
}

/** What one account's reader is told of a transaction. */
interface Telling {
  readonly type: string;
  readonly transaction: unknown;
  readonly postings: unknown;
  /** The accounts that are in it, and what they have. */
  readonly balances: Readonly<Record<string, number>>;
}

const touched = z.looseObject({ accounts: z.record(z.string(), z.looseObject({ balance: z.int() })) });

describe.skipIf(serversMissing !== null)("a transaction across shards", () => {
  let cluster: Cluster;
  let proxy: StoppingProxy;
  let receiver: Receiver;
  /** Of each of {@link ALL}. */
  let followers: readonly Follower[] = [];
  let keys = 0;

  beforeAll(async () => {
    const redis = await startRedis();
    proxy = await StoppingProxy.start(redis.process.port);
    receiver = new Receiver(null);
    const urlOf: typeof redis.urlOf = (user) => {
      const url = new URL(redis.urlOf(user));
      if (user === "api") url.port = String(proxy.port);
      return url.href;
    };
    cluster = await Cluster.start({
      shards: SHARDS,
      redis: { ...redis, urlOf },
      others: ["dispatch"],
      environment: { WEBHOOK_INNER: "allow" },
    });
    for (const id of ALL) {
      await made("/v1/webhooks", { url: `${receiver.url}/${id}`, accounts: [id] });
      await made("/v1/transactions", { postings: [{ from: "@world", to: id, amount: BEGINNING }] });
    }
    followers = ALL.map((id) => new Follower(lasting, `account=${id}`));
  });
  afterAll(async () => {
    await Promise.all(followers.map((follower) => follower.stop()));
    await cluster[Symbol.asyncDispose]();
    await proxy[Symbol.asyncDispose]();
    await receiver[Symbol.asyncDispose]();
  });

  /** The API that is never killed. */
  function lasting(): string {
    return cluster.apiUrl(1);
  }

  function made(path: string, body: object): Promise<Record<string, unknown>> {
    return done(lasting(), path, body, 201);
  }

  function newKey(): string {
    keys += 1;
    return `across-${keys}`;
  }

  function toldOf(account: string): readonly Told[] {
    return followers[ALL.indexOf(account)]?.events ?? [];
  }

  /** What the webhook of an account was sent. */
  function sentOf(account: string): readonly Told[] {
    const sent = receiver.received.filter(({ path }) => path.endsWith(`/${account}`));
    return sent.map(({ body }) => ({ cursor: null, ...JSON.parse(body) }));
  }

  async function balanceOf(account: string): Promise<number> {
    return Object((await call(lasting(), "GET", `/v1/accounts/${account}`)).body).balance;
  }

  /** Until a transaction of each account is told: those of an account come in order, so nothing of before is told later. */
  async function allTold(): Promise<ReadonlySet<unknown>> {
    const marks = new Set<unknown>();
    for (const to of ALL) {
      const { id } = await made("/v1/transactions", { postings: [{ from: "@world", to, amount: 1 }] });
      marks.add(id);
    }
    const isMark = ({ data }: Told): boolean => marks.has(data["id"]);
    await eventually(
      "it is told",
      () => ALL.every((account) => toldOf(account).some(isMark) && sentOf(account).some(isMark)),
      () => ALL.map((account) => [toldOf(account).length, sentOf(account).length]),
    );
    return marks;
  }

  /** The API that is asked dies just before it sends this to Redis. */
  async function dieBefore(text: string, path: string, body: object, key: string): Promise<void> {
    const [api] = cluster.apis;
    proxy.stopAt(text);
    const answer = call(cluster.apiUrl(0), "POST", path, body, key).catch(() => null);
    await eventually("it is about to", () => proxy.hasStopped);
    await api?.kill();
    expect(await answer).toBeNull();
    await api?.start();
  }

  /** Until nothing of what was begun is left, without anybody asking for it. */
  async function completed(): Promise<void> {
    await eventually("nothing is open", async () => {
      const left = ["parts", "transits"].map((name) => cluster.redisCommand("KEYS", `razonete:*:${name}`));
      return JSON.stringify(await Promise.all(left)) === "[[],[]]";
    });
  }

  /** What the reader of each account is told of something, and what its webhook is sent: all of it, and nothing twice. */
  async function toldWhile(happens: () => Promise<void>): Promise<{ told: Telling[][]; sent: Telling[][] }> {
    await allTold();
    const before = ALL.map((account) => [toldOf(account).length, sentOf(account).length] as const);
    await happens();
    const marks = await allTold();
    const since = (of: (account: string) => readonly Told[], which: 0 | 1): Telling[][] =>
      ALL.map((account, index) => {
        const events = of(account).slice(before[index]?.[which]);
        return events.filter(({ data }) => !marks.has(data["id"])).map(tellingOf);
      });
    return { told: since(toldOf, 0), sent: since(sentOf, 1) };
  }

  test("is told once to a reader of either account, by its own shard, with all postings", async () => {
    const postings = [
      { from: A, to: B, amount: 5 },
      { from: A, to: C, amount: 7 },
    ];
    let transaction: unknown;
    const [a, b, c] = [await balanceOf(A), await balanceOf(B), await balanceOf(C)];
    const { told, sent } = await toldWhile(async () => {
      transaction = (await made("/v1/transactions", { postings }))["id"];
    });
    const common = { type: "transaction.created", transaction, postings };
    // One more each: what all are told of before it.
    expect(told).toEqual([
      [{ ...common, balances: { [A]: a + 1 - 12 } }],
      [{ ...common, balances: { [B]: b + 1 + 5 } }],
      [{ ...common, balances: { [C]: c + 1 + 7 } }],
    ]);
    expect(sent).toEqual(told);
  });

  test("whose API dies after it was decided, and before its part is finished, is told once all the same", async () => {
    const body = { postings: [{ from: A, to: B, amount: 5 }] };
    const key = newKey();
    const [a, b] = [await balanceOf(A), await balanceOf(B)];
    const { told, sent } = await toldWhile(async () => {
      await dieBefore(FINISH, "/v1/transactions", body, key);
      await completed();
    });
    const again = await call(lasting(), "POST", "/v1/transactions", body, key);
    expect([again.status, again.replayed]).toEqual([201, true]);
    const { id: transaction, postings } = Object(again.body);
    const common = { type: "transaction.created", transaction, postings };
    expect(told).toEqual([
      [{ ...common, balances: { [A]: a + 1 - 5 } }],
      [{ ...common, balances: { [B]: b + 1 + 5 } }],
      [],
    ]);
    expect(sent).toEqual(told);
  });

  test("whose API dies before it is decided is not told; asked for again, it is told once", async () => {
    const body = { postings: [{ from: A, to: B, amount: 5 }] };
    const key = newKey();
    const none = await toldWhile(async () => {
      await dieBefore(decisionOf(key), "/v1/transactions", body, key);
      await completed();
    });
    expect(none).toEqual({ told: [[], [], []], sent: [[], [], []] });
    let transaction: unknown;
    const { told, sent } = await toldWhile(async () => {
      const answer = await call(lasting(), "POST", "/v1/transactions", body, key);
      expect([answer.status, answer.replayed]).toEqual([201, false]);
      transaction = Object(answer.body).id;
    });
    expect(told.map((each) => each.map((one) => one.transaction))).toEqual([
      [transaction],
      [transaction],
      [],
    ]);
    expect(sent).toEqual(told);
  });

  test("of a captured hold is told as the capture where it was held, and as a transaction where it goes", async () => {
    const { id: hold } = await made("/v1/holds", { from: A, to: B, amount: 9 });
    const path = `/v1/holds/${String(hold)}/capture`;
    const key = newKey();
    const [a, b] = [await balanceOf(A), await balanceOf(B)];
    // B's webhook is told of the hold by A's shard, which has no order with B's own.
    const isSentToB = (type: string) =>
      eventually(`B's webhook is sent ${type}`, () =>
        sentOf(B).some((event) => event.type === type && event.data["id"] === hold),
      );
    await isSentToB("hold.created");
    const { told, sent } = await toldWhile(async () => {
      await dieBefore(FINISH, path, {}, key);
      await completed();
      await isSentToB("hold.captured");
    });
    const again = await call(lasting(), "POST", path, {}, key);
    expect([again.status, again.replayed]).toEqual([200, true]);
    const common = { transaction: Object(again.body).transaction, postings: [{ from: A, to: B, amount: 9 }] };
    const captured = { type: "hold.captured", ...common, balances: { [A]: a + 1 - 9 } };
    const paid = { type: "transaction.created", ...common, balances: { [B]: b + 1 + 9 } };
    expect(told).toEqual([[captured], [paid], []]);
    // The hold was for it, so its webhook is told of the end of the hold, too.
    const [sentToA, sentToB = [], sentToC] = sent;
    const inAnyOrder = sentToB.toSorted((one, other) => one.type.localeCompare(other.type));
    expect([sentToA, inAnyOrder, sentToC]).toEqual([[captured], [captured, paid], []]);
  });
});

function tellingOf({ type, data }: Told): Telling {
  const balances = Object.entries(touched.parse(data).accounts).map(([id, { balance }]) => [id, balance]);
  const transaction = type === "hold.captured" ? data["transaction"] : data["id"];
  return { type, transaction, postings: data["postings"], balances: Object.fromEntries(balances) };
}
