import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { adviseOnShard } from "../../../src/decide/nodes/advice.ts";
import { accountOn } from "../../support/account-on.ts";
import { ClusterStand, SHARDS } from "../../support/copies/cluster-ledgers.ts";
import { eventually } from "../../support/eventually.ts";
import { failOnLeaks } from "../../support/leaks.ts";
import { describeWithRedis } from "../../support/redis-under-test.ts";
import type { ClusterNodeServer } from "../../support/servers/redis-cluster.ts";
import { credit, settle, submitted } from "../../support/ledger/settling.ts";

failOnLeaks();
setDefaultTimeout(120_000);

describeWithRedis("a shard that the cluster cannot bring back by itself", () => {
  let stand: ClusterStand;
  beforeEach(async () => {
    stand = await ClusterStand.start();
  });
  afterEach(() => stand[Symbol.asyncDispose]());

  const addressOf = ({ url }: ClusterNodeServer): string => new URL(url).host;

  test("all its nodes killed and only a replica back: an alarm says since when, and a command that brings it back", async () => {
    const lines: string[] = [];
    const alarms: string[] = [];
    const ledger = await stand.ledger({
      onOutage: (line) => lines.push(line),
      onAlarm: (line) => alarms.push(line),
    });
    const account = accountOn(1, SHARDS);
    const answer = await settle(ledger, credit(account, 7));
    const { primary, replicas } = await stand.cluster.rolesOf(1);
    const [first, second] = replicas;
    if (first === undefined || second === undefined) throw new Error("too few nodes");
    // The second one lacks a batch.
    second.process.signal("SIGSTOP");
    await settle(ledger, credit(account, 1));
    await Promise.all([primary, first, second].map(({ process }) => process.kill()));
    await second.process.start();
    await first.process.start();

    await eventually(
      "an alarm",
      () => alarms.length === 1,
      () => [lines, alarms],
    );
    expect(lines.find((line) => line.startsWith("shard"))).toMatch(
      /^shard 1 does not decide: .* cannot be reached$/,
    );
    const command = `redis-cli -h 127.0.0.1 -p ${first.process.port} CLUSTER FAILOVER FORCE`;
    expect(alarms[0]).toMatch(/^ALARM: shard 1 has not decided since 20\S+Z: .+\. [A-Z].+\.$/);
    // Who asks is told, too. It is looked up again and again: at one look not everybody may answer in time.
    let state = ledger.readiness();
    await eventually(
      "the command is told",
      () => JSON.stringify((state = ledger.readiness())).includes(command),
      () => state,
    );
    const fullest = `${addressOf(first)} has most of the shard of the replicas that answer \\(batch 2\\)`;
    const start = `Start its primary, ${addressOf(primary)}, with the data that it had\\.`;
    const advice = expect.stringMatching(new RegExp(`^${start} .*${fullest}.* ${command};`));
    expect(state).toMatchObject({ ready: true, undecided: [{ shard: 1, advice }] });
    expect(await submitted(ledger, credit(accountOn(0, SHARDS)))).toMatchObject({ type: "accepted" });

    await first.command("CLUSTER", "FAILOVER", "FORCE");
    await stand.decides(ledger);
    await eventually("it is told", () => /^shard 1 decides again, after \d+\.\d s$/.test(lines.at(-1) ?? ""));
    expect(await ledger.account(account)).toMatchObject({ balance: 8 });
    expect(await submitted(ledger, answer.command)).toMatchObject({ type: "accepted", replayed: true });
    expect(alarms).toHaveLength(1);
  });

  test("a ledger that is given one of its nodes says what to write", async () => {
    const [one] = stand.cluster.nodesOf(1);
    // It has no key of shard 0.
    const ledger = stand.newLedger({ redisUrl: one?.url ?? "", minReplicas: 0 });
    const state = () => ledger.readiness();
    await eventually(
      "it says so",
      () => JSON.stringify(state()).includes("names one node of a Redis"),
      state,
    );
    expect(state()).toMatchObject({ ready: false, reason: expect.not.stringContaining("MOVED") });
  });

  test("no replica is named before all have told what they have, as after all were stopped", async () => {
    const { nodes, cluster } = stand;
    const ledger = await stand.ledger();
    await settle(ledger, credit(accountOn(2, SHARDS), 7));
    await ledger.close();
    const { primary, replicas } = await cluster.rolesOf(2);
    await cluster.followed();
    await Promise.all(cluster.nodes.map(({ process }) => process.kill()));
    await Promise.all(replicas.map(({ process }) => process.start()));
    let advice: string | null = null;
    const says = async (...texts: readonly string[]): Promise<void> => {
      await eventually(
        `the advice is: ${texts.join(", ")}`,
        async () => {
          advice = await adviseOnShard(nodes, 2).catch(String);
          return texts.every((text) => advice?.includes(text) ?? false);
        },
        () => advice,
      );
    };
    // Both are there, and most of the primaries are not.
    await says(...replicas.map((replica) => `${addressOf(replica)}: CLUSTERDOWN`));
    expect(advice).toStartWith(
      `Start its primary, ${addressOf(primary)}, with the data that it had. If it is starting, `,
    );
    expect(advice).not.toContain("CLUSTER FAILOVER");
    // Where those are gone for good.
    const [, command] = / -p (\d+ CONFIG SET .*)\.$/.exec(String(advice)) ?? [];
    const commands = replicas.map(
      ({ process: { port } }) => `${port} CONFIG SET cluster-allow-reads-when-down yes`,
    );
    expect(commands).toContain(String(command));
    for (const replica of replicas)
      await replica.command("CONFIG", "SET", "cluster-allow-reads-when-down", "yes");
    await says("(batch 1), and becomes the primary by redis-cli");
    expect(String(advice)).toContain("CLUSTER FAILOVER TAKEOVER");
  });

  test("what to do is told by what is there: nothing, a primary alone, no majority", async () => {
    const { nodes, cluster } = stand;
    let advice: string | null = null;
    // At one look not everybody may answer in time.
    const is = (what: string, isSo: (text: string) => boolean): Promise<void> =>
      eventually(
        what,
        async () => {
          advice = await adviseOnShard(nodes, 2);
          return isSo(advice ?? "");
        },
        () => advice,
      );
    await is("nothing is to be done", (text) => text === "");
    const { primary, replicas } = await cluster.rolesOf(2);
    const [first, second] = replicas;
    if (first === undefined || second === undefined) throw new Error("too few nodes");
    first.process.signal("SIGSTOP");
    await second.process.kill();
    const alone = `Its primary ${addressOf(primary)} answers, and too few replicas follow it: start `;
    await is(
      "the primary is alone",
      (text) => text.startsWith(alone) && text.slice(alone.length).includes(addressOf(first)),
    );
    await primary.process.kill();
    const start = `Start its primary, ${addressOf(primary)}, with the data that it had.`;
    await is("the connection is seen to be lost", (text) => text === start);
    // Two of three primaries are away then, so no replica is elected.
    await Promise.all(cluster.nodesOf(0).map(({ process }) => process.kill()));
    first.process.signal("SIGCONT");
    await is("the majority is seen to be away", (text) =>
      text.includes(`-p ${first.process.port} CLUSTER FAILOVER TAKEOVER`),
    );
  });
});
