import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import type { RedisLedger } from "../../src/decide/redis-ledger.ts";
import { WORLD } from "../../src/ledger/account.ts";
import type { Command, CommandId } from "../../src/ledger/command.ts";
import { accountOn } from "../support/account-on.ts";
import { ClusterStand, SHARDS } from "../support/copies/cluster-ledgers.ts";
import { settle, submitted } from "../support/ledger/settling.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { moved, transaction } from "../support/ledger/commands.ts";
import { describeWithRedis } from "../support/redis-under-test.ts";
import { MortalApi } from "./support/mortal-api.ts";

failOnLeaks();
setDefaultTimeout(120_000);

const HOME = 0;
const [A, B, C] = [accountOn(HOME, SHARDS), accountOn(1, SHARDS), accountOn(2, SHARDS)];
/** What it takes at most until there is an answer, and much more. */
const PATIENCE_MILLISECONDS = 30_000;

describeWithRedis("one shard of a Redis Cluster is away", () => {
  let stand: ClusterStand;
  let ledger: RedisLedger;
  beforeEach(async () => {
    stand = await ClusterStand.start();
    ledger = await stand.ledger({ completionMilliseconds: 50 });
    for (const account of [A, B, C]) moved(await ledger.submit(transaction([[WORLD, account, 1000]])));
  });
  afterEach(() => stand[Symbol.asyncDispose]());

  function freeze(shard: number): void {
    for (const { process } of stand.cluster.nodesOf(shard)) process.signal("SIGSTOP");
  }

  async function thaw(shard: number): Promise<void> {
    for (const { process } of stand.cluster.nodesOf(shard)) process.signal("SIGCONT");
    await stand.decides(ledger);
  }

  async function rowOf(id: string) {
    const { balance, held } = (await ledger.account(id)) ?? {};
    return [balance, held];
  }

  async function rowsBecome(rows: readonly unknown[]): Promise<void> {
    let last: unknown;
    await eventually(
      "the accounts are what they should be",
      async () => {
        last = await Promise.all([A, B, C].map(rowOf));
        return JSON.stringify(last) === JSON.stringify(rows);
      },
      () => last,
    );
  }

  function transfers(id: CommandId): Command {
    return transaction(
      [
        [A, B, 10],
        [A, C, 20],
      ],
      { id },
    );
  }

  test("before it prepares: nothing is decided or stays set aside, others go on; back, the same id is decided", async () => {
    freeze(1);
    const command = transfers("key:before");
    // Unknown, where home could not tell in time that it has not decided it.
    expect(["none", "unknown"]).toContain(Object(await submitted(ledger, command)).outcome);
    moved(await ledger.submit(transaction([[A, C, 1]])));
    await eventually("nothing is set aside", async () => JSON.stringify(await rowOf(C)) === "[1001,0]");
    await thaw(1);
    expect((await settle(ledger, command)).outcome).toMatchObject({ type: "accepted", replayed: false });
    await rowsBecome([
      [969, 0],
      [1010, 0],
      [1021, 0],
    ]);
  });

  test("a batch that is sent again is told what the others have decided, before and after it in the batch", async () => {
    const commands = [
      transaction([[A, B, 1]], { id: "key:before" }),
      transaction([[C, A, 2]], { id: "key:away" }),
      transaction([[A, B, 4]], { id: "key:after" }),
    ];
    const replayed = (await ledger.submitEach(commands)).map((one) => {
      if (one.status === "rejected") throw one.reason;
      return { status: "fulfilled", value: { ...one.value, replayed: true } } as const;
    });
    freeze(2);
    const [before, away, after] = await ledger.submitEach(commands);
    expect(before).toEqual(replayed[0]);
    expect(away).toMatchObject({ status: "rejected", reason: { outcome: "unknown" } });
    expect(after).toEqual(replayed[2]);
    await thaw(2);
    expect(await ledger.submitEach(commands)).toEqual(replayed);
    await rowsBecome([
      [997, 0],
      [1005, 0],
      [998, 0],
    ]);
  });

  test("the trial balance is told all the same, and names it; with all of them away it is not", async () => {
    const isWhole = async () => (await ledger.totals()).shardsAway === undefined;
    await eventually("all answer", isWhole);
    freeze(1);
    // Also before it is known.
    expect((await ledger.totals()).shardsAway).toContain(1);
    await eventually("it is known to be away", () => {
      const now = ledger.readiness();
      return now.ready && now.undecided !== undefined;
    });
    await eventually("it alone is named", async () => String((await ledger.totals()).shardsAway) === "1");
    for (const shard of [0, 2]) freeze(shard);
    expect(String(await ledger.totals().catch((error: unknown) => error))).toContain("LedgerUnavailable");
    for (const { process } of [0, 2].flatMap((shard) => stand.cluster.nodesOf(shard)))
      process.signal("SIGCONT");
    await thaw(1);
    await eventually("all answer again", isWhole);
  });

  test("home: nothing stays set aside on the others once it is back, and the same id is decided once", async () => {
    freeze(HOME);
    const command = transfers("key:home");
    expect(await submitted(ledger, command)).toHaveProperty("outcome");
    // Once it is known that home is away, nothing is set aside any more.
    await eventually("home is known to be away", () => {
      const now = ledger.readiness();
      return now.ready && now.undecided !== undefined;
    });
    expect(await submitted(ledger, transfers("key:later"))).toHaveProperty("outcome");
    await thaw(HOME);
    await settle(ledger, command);
    await rowsBecome([
      [970, 0],
      [1010, 0],
      [1020, 0],
    ]);
  });

  test("after the decision: unknown, also if it is asked for again; back, it is finished", async () => {
    // The calls are: two to prepare, the decision.
    using api = await MortalApi.start(
      { redisUrl: stand.cluster.urlOf("api"), minReplicas: 1, books: stand.books },
      { call: 3, isDone: true },
    );
    const command = transfers("key:after");
    const isDecided = async () => (await stand.events(HOME)).some((event) => event.includes(" key:after "));
    const other = stand.newLedger({ completionMilliseconds: PATIENCE_MILLISECONDS });
    await stand.decides(other);
    await ledger.close();
    api.across
      .decide(command, { type: "as-is" }, HOME, performance.now() + PATIENCE_MILLISECONDS)
      .catch(() => {});
    await eventually("it is decided", isDecided);
    freeze(1);
    expect(await submitted(other, command)).toMatchObject({ outcome: "unknown" });
    expect(await submitted(other, command)).toMatchObject({ outcome: "unknown" });
    for (const { process } of stand.cluster.nodesOf(1)) process.signal("SIGCONT");
    ledger = other;
    await stand.decides(ledger);
    expect((await settle(ledger, command)).outcome).toMatchObject({
      type: "accepted",
      replayed: true,
      result: {
        accounts: [
          { id: A, balance: 970 },
          { id: B, balance: 1010 },
          { id: C, balance: 1020 },
        ],
      },
    });
    await rowsBecome([
      [970, 0],
      [1010, 0],
      [1020, 0],
    ]);
  });
});
