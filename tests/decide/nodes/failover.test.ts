import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import type { Batch } from "../../../src/carry/batch.ts";
import type { RedisLedger } from "../../../src/decide/redis-ledger.ts";
import { shardOf } from "../../../src/ledger/account-id.ts";
import { LedgerUnavailable } from "../../../src/ledger/ledger.ts";
import { accountOn } from "../../support/account-on.ts";
import { ClusterStand, SHARDS } from "../../support/copies/cluster-ledgers.ts";
import { eventually } from "../../support/eventually.ts";
import { failOnLeaks } from "../../support/leaks.ts";
import { describeWithRedis } from "../../support/redis-under-test.ts";
import {
  type Answered,
  credit,
  debit,
  expectAppliedOnce,
  settle,
  submitted,
} from "../../support/ledger/settling.ts";

failOnLeaks();
setDefaultTimeout(120_000);

const ACCOUNTS = ["1", "2", "3", "4", "5"];

describeWithRedis("a ledger on a Redis Cluster", () => {
  let stand: ClusterStand;
  beforeEach(async () => {
    stand = await ClusterStand.start();
  });
  afterEach(() => stand[Symbol.asyncDispose]());

  /** Clients on every account, until they are ended; each sends the same id again until it is answered. */
  function load(ledgers: readonly RedisLedger[]) {
    const answers: Answered[] = [];
    const state = { isOver: false };
    const client = async (index: number): Promise<void> => {
      const account = ACCOUNTS[index % ACCOUNTS.length] ?? "";
      const ledger = ledgers[index % ledgers.length];
      if (ledger === undefined) throw new Error("no ledger");
      for (let turn = index; !state.isOver; turn += 1)
        answers.push(await settle(ledger, turn % 3 === 0 ? debit(account) : credit(account, turn % 7)));
    };
    const clients = Promise.all(Array.from({ length: 20 }, (_, index) => client(index)));
    return {
      answeredOn: (shard: number) => answers.filter((answer) => isOn(answer, shard)).length,
      end: async (): Promise<readonly Answered[]> => {
        state.isOver = true;
        await clients;
        return answers;
      },
    };
  }

  async function expectNothingLost(answers: readonly Answered[]): Promise<void> {
    for (let shard = 0; shard < SHARDS; shard += 1)
      expectAppliedOnce(
        answers.filter((answer) => isOn(answer, shard)),
        await stand.events(shard),
      );
  }

  /** Waits until each of these shards has answered some more. */
  async function goesOn(
    running: ReturnType<typeof load>,
    shards: readonly number[],
    more = 50,
  ): Promise<void> {
    const before = shards.map((shard) => running.answeredOn(shard));
    await eventually("they decide", () =>
      shards.every((shard, index) => running.answeredOn(shard) >= (before[index] ?? 0) + more),
    );
  }

  test("a primary killed under load, and away: its shard goes on with a replica, the others at once; nothing is lost", async () => {
    const running = load([await stand.ledger(), await stand.ledger()]);
    await goesOn(running, [0, 1, 2]);
    const primary = await stand.cluster.primaryOf(1);
    await primary.process.kill();
    await goesOn(running, [0, 2]);
    await goesOn(running, [0, 1, 2]);
    // It comes back as a replica.
    await primary.process.start();
    await stand.cluster.followed();
    await goesOn(running, [0, 1, 2]);
    await expectNothingLost(await running.end());
  });

  test("a primary frozen under load until it is replaced, then thawed: nothing is lost, nothing is answered from it", async () => {
    const running = load([await stand.ledger(), await stand.ledger()]);
    await goesOn(running, [0, 1, 2]);
    const primary = await stand.cluster.primaryOf(0);
    primary.process.signal("SIGSTOP");
    await goesOn(running, [1, 2]);
    await goesOn(running, [0]);
    primary.process.signal("SIGCONT");
    await stand.cluster.followed();
    await goesOn(running, [0, 1, 2]);
    await expectNothingLost(await running.end());
  });

  test("a planned switch under load: no request fails, nothing is lost", async () => {
    const ledger = await stand.ledger();
    const running = load([ledger]);
    await goesOn(running, [0, 1, 2]);
    const primary = await stand.cluster.primaryOf(2);
    const next = stand.cluster.nodesOf(2).find((node) => node !== primary);
    await next?.command("CLUSTER", "FAILOVER");
    await eventually("it is the primary", async () => (await stand.cluster.primaryOf(2)) === next);
    await goesOn(running, [0, 1, 2]);
    await expectNothingLost(await running.end());
  });

  test("a replica lost under load: nothing waits", async () => {
    const running = load([await stand.ledger()]);
    await goesOn(running, [0, 1, 2]);
    const [replica] = (await stand.cluster.rolesOf(0)).replicas;
    await replica?.process.kill();
    await goesOn(running, [0, 1, 2]);
    await replica?.process.start();
    await stand.cluster.followed();
    await expectNothingLost(await running.end());
  });

  test("both replicas lost: nothing is answered, read or published; the shard is named; one back, and the same ids are answered", async () => {
    const published: Batch[] = [];
    const ledger = await stand.ledger({ feed: { publish: (batch) => published.push(batch) } });
    const account = accountOn(0, SHARDS);
    const before = await settle(ledger, credit(account, 7));
    await eventually("it is published", () => published.length === 1);
    const { replicas } = await stand.cluster.rolesOf(0);
    for (const { process } of replicas) process.signal("SIGSTOP");

    const command = credit(account, 5);
    expect(await submitted(ledger, command)).toMatchObject({ outcome: "unknown" });
    const read: unknown = await ledger.account(account).catch((error: unknown) => error);
    expect(read).toBeInstanceOf(LedgerUnavailable);
    expect(await submitted(ledger, credit(accountOn(1, SHARDS)))).toMatchObject({ type: "accepted" });
    const state = () => ledger.readiness();
    let named = state();
    await eventually(
      "the shard is named",
      () => {
        named = state();
        return named.ready && /0 replicas confirm it, not 1/.test(named.undecided?.[0]?.reason ?? "");
      },
      () => named,
    );
    expect(named).toMatchObject({ ready: true, undecided: [{ shard: 0 }] });
    expect(published.filter(({ shard }) => shard === 0)).toHaveLength(1);

    replicas[0]?.process.signal("SIGCONT");
    const after = await settle(ledger, command);
    expect(after.outcome).toMatchObject({ type: "accepted", result: { account: { balance: 12 } } });
    await stand.decides(ledger);
    replicas[1]?.process.signal("SIGCONT");
    expectAppliedOnce([before, after], await stand.events(0));
  });

  test("all primaries but one away, and no majority: not ready, and why; ready again by itself when they are back", async () => {
    const ledger = await stand.ledger();
    const others = stand.cluster.nodes.filter((_, index) => index % 3 !== 0);
    await Promise.all(others.map(({ process }) => process.kill()));
    const state = () => ledger.readiness();
    await eventually("it is not ready", () => !state().ready, state);
    await Promise.all(others.map(({ process }) => process.start()));
    await stand.decides(ledger);
    for (let shard = 0; shard < SHARDS; shard += 1)
      expect(await submitted(ledger, credit(accountOn(shard, SHARDS)))).toMatchObject({ type: "accepted" });
  });

  test("books that cannot be asked at the start: whoever looks after it is told why, and clients are not", async () => {
    stand.books.away = true;
    const ledger = stand.newLedger();
    const reason = "the books in PostgreSQL cannot be asked";
    const state = () => ledger.readiness();
    await eventually("it says why", () => JSON.stringify(state()).includes(reason), state);
    expect(state()).toEqual({ ready: false, reason: `${reason} (the books are away)` });
    expect(await submitted(ledger, credit("1"))).toMatchObject({ outcome: "none", message: reason });
    stand.books.away = false;
    await stand.decides(ledger);
  });

  test("a replica with settings that the promise does not stand on: its shard does not decide, until that is mended", async () => {
    const ledger = await stand.ledger();
    const [replica] = (await stand.cluster.rolesOf(2)).replicas;
    await replica?.command("CONFIG", "SET", "appendfsync", "everysec");
    let state = ledger.readiness();
    await eventually(
      "the shard is named",
      () => {
        state = ledger.readiness();
        return JSON.stringify(state).includes("appendfsync");
      },
      () => state,
    );
    const address = new URL(replica?.url ?? "").host;
    expect(state).toEqual({
      ready: true,
      undecided: [
        {
          shard: 2,
          reason:
            `the replica ${address} of shard 2 may lose what it has answered: set appendfsync always (it is everysec), ` +
            "or DURABILITY=relaxed",
        },
      ],
    });
    // Clients are told no addresses.
    expect(await submitted(ledger, credit(accountOn(2, SHARDS)))).toMatchObject({
      outcome: "none",
      message: "shard 2 does not decide now",
    });
    expect(await submitted(ledger, credit(accountOn(1, SHARDS)))).toMatchObject({ type: "accepted" });
    await replica?.command("CONFIG", "SET", "appendfsync", "always");
    await stand.decides(ledger);
  });
});

function isOn({ command }: Answered, shard: number): boolean {
  return command.type === "transact" && shardOf(command.account, SHARDS) === shard;
}
