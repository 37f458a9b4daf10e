import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { AuditedNodes } from "../../../src/audit/redis/audited-nodes.ts";
import { openRedisNodes } from "../../../src/decide/nodes/open-nodes.ts";
import {
  NOT_REACHED,
  RefusedByNodes,
  type RedisNodes,
  type ShardNode,
  Unconfirmed,
} from "../../../src/decide/nodes/redis-nodes.ts";
import { eventually } from "../../support/eventually.ts";
import { failOnLeaks } from "../../support/leaks.ts";
import { describeWithRedis } from "../../support/redis-under-test.ts";
import { RedisCluster } from "../../support/servers/redis-cluster.ts";
import { ready } from "../support/ready-node.ts";

failOnLeaks();
setDefaultTimeout(120_000);

describeWithRedis("a Redis Cluster", () => {
  let cluster: RedisCluster;
  let nodes: RedisNodes;

  beforeAll(async () => {
    cluster = await RedisCluster.start();
    nodes = openRedisNodes(cluster.url, { minReplicas: 1 });
  });
  afterAll(async () => {
    nodes?.close();
    await cluster?.dispose();
  });

  test("is found by its nodes: each shard's primary, its copies, all primaries", async () => {
    for (const shard of [0, 1, 2]) {
      const node = await ready(nodes, shard);
      const roles = await cluster.rolesOf(shard);
      const primary = new URL(roles.primary.url).host;
      const replicas = roles.replicas.map(({ url }) => new URL(url).host);
      expect(node.address).toBe(primary);
      expect(await node.confirmed.sendCommand<string>(["SET", `razonete:{${shard}}:x`, "1"])).toBe("OK");
      const copies = await nodes.copies(shard);
      expect(copies[0]?.address).toBe(primary);
      expect(
        copies
          .slice(1)
          .map(({ address }) => address)
          .toSorted(),
      ).toEqual(replicas.toSorted());
      expect(copies.map(({ isPrimary }) => isPrimary)).toEqual([true, false, false]);
    }
    expect(await nodes.primaries()).toHaveLength(3);
    for (const node of await nodes.primaries())
      expect(await node.confirmed.sendCommand<string>(["FUNCTION", "FLUSH"])).toBe("OK");
  });

  test("a primary that is killed is replaced, and found again", async () => {
    const node = await ready(nodes, 0);
    const connection = node.connection;
    const old = await cluster.primaryOf(0);
    await old.process.kill();
    await eventually("another node answers", async () => {
      await node.confirmed.sendCommand(["SET", "razonete:{0}:x", "2"]);
      return node.address !== new URL(old.url).host;
    });
    expect(node.connection).not.toBe(connection);
    await old.process.start();
    await cluster.followed();
  });

  test("a primary that is frozen is given up, and answers nothing as confirmed once it was deposed", async () => {
    const node = await ready(nodes, 1);
    const old = await cluster.primaryOf(1);
    // The shard's connection, so that what is sent to it lies in its socket until it is thawed.
    const direct = openRedisNodes(cluster.url, { minReplicas: 1, isPatient: true });
    const patient = await ready(direct, 1);
    await patient.confirmed.sendCommand(["SET", "razonete:{1}:x", "before"]);
    old.process.signal("SIGSTOP");
    const stale = patient.confirmed.sendCommand<string | null>(["GET", "razonete:{1}:x"]);
    stale.catch(() => {});
    await eventually("another node answers", async () => {
      await node.confirmed.sendCommand(["SET", "razonete:{1}:x", "after"]);
      return true;
    });
    expect(node.address).not.toBe(new URL(old.url).host);
    old.process.signal("SIGCONT");
    // It was read while the node still took itself for the primary; that it was not any more is noticed.
    expect(await rejection(stale)).toBeInstanceOf(Error);
    expect(await eventuallyAnswers(patient, ["GET", "razonete:{1}:x"])).toBe("after");
    direct.close();
    await cluster.followed();
  });

  test("without its replicas a primary confirms nothing; as soon as one is back it does again", async () => {
    const node = await ready(nodes, 2);
    const primary = await cluster.primaryOf(2);
    const replicas = cluster.nodesOf(2).filter((one) => one !== primary);
    for (const { process } of replicas) process.signal("SIGSTOP");
    const written = node.confirmed.sendCommand(["SET", "razonete:{2}:x", "3"]);
    expect(await rejection(written)).toBeInstanceOf(Unconfirmed);
    expect(String(await rejection(node.confirmed.sendCommand(["GET", "razonete:{2}:x"])))).toContain(
      "0 replicas confirm it, not 1 (MIN_REPLICAS)",
    );
    expect(await node.sendCommand<string | null>(["GET", "razonete:{2}:x"])).toBe("3");
    replicas[0]?.process.signal("SIGCONT");
    expect(await eventuallyAnswers(node, ["GET", "razonete:{2}:x"])).toBe("3");
    replicas[1]?.process.signal("SIGCONT");
    await cluster.followed();
  });

  test("a replica that has not saved what it confirms does not count: one more has to confirm", async () => {
    const node = await ready(nodes, 2);
    const primary = await cluster.primaryOf(2);
    const [frozen] = cluster.nodesOf(2).filter((one) => one !== primary);
    frozen?.process.signal("SIGSTOP");
    try {
      // After what came before, all have to for a while.
      expect(await eventuallyAnswers(node, ["SET", "razonete:{2}:x", "5"])).toBe("OK");
      node.setUnsaved(1);
      const written = node.confirmed.sendCommand(["SET", "razonete:{2}:x", "6"]);
      expect(String(await rejection(written))).toContain("1 replicas confirm it, not 2");
    } finally {
      node.setUnsaved(0);
      frozen?.process.signal("SIGCONT");
    }
    await cluster.followed();
  });

  test("a wrong password is told as one, and a node as the primary of its shard that was not reached", async () => {
    const [first] = cluster.nodes;
    const address = new URL(first?.url ?? "").host;
    const wrong = openRedisNodes(`redis-cluster://api:wrong@${address}`);
    try {
      const node = wrong.shard(0);
      await eventually("it is refused", () => node.trouble !== NOT_REACHED);
      expect(node.trouble).toStartWith(
        `the Redis Cluster refuses what it is asked (${address}: WRONGPASS invalid username-password pair`,
      );
      expect(await rejection(wrong.copies(0))).toBeInstanceOf(RefusedByNodes);
    } finally {
      wrong.close();
    }
    const frozen = await cluster.primaryOf(2);
    const others = openRedisNodes(cluster.url, { isPatient: true });
    try {
      await ready(others, 0);
      for (const { process } of cluster.nodesOf(2)) process.signal("SIGSTOP");
      const node = others.shard(2);
      const told = `it has not reached ${new URL(frozen.url).host}, the primary of shard 2, yet`;
      await eventually(
        "it is sought",
        () => node.trouble === told,
        () => node.trouble,
      );
    } finally {
      others.close();
      for (const { process } of cluster.nodesOf(2)) process.signal("SIGCONT");
    }
    await ready(nodes, 2);
    await cluster.followed();
  });

  test("an audit that is given one node of it says what to write", async () => {
    const [one] = cluster.nodes;
    expect(String(await rejection(AuditedNodes.connect(one?.url ?? "")))).toContain(
      "REDIS_URL names one node of a Redis Cluster",
    );
  });

  test("a planned switch is followed", async () => {
    const node = await ready(nodes, 0);
    const old = await cluster.primaryOf(0);
    const next = cluster.nodesOf(0).find((one) => one !== old);
    await next?.command("CLUSTER", "FAILOVER");
    await eventually("the new primary answers", async () => {
      await node.confirmed.sendCommand(["SET", "razonete:{0}:x", "4"]);
      return node.address === new URL(next?.url ?? "").host;
    });
    await cluster.followed();
  });
});

async function eventuallyAnswers(node: ShardNode, args: string[]): Promise<unknown> {
  let answer: unknown;
  await eventually("it answers", async () => {
    answer = await node.confirmed.sendCommand(args);
    return true;
  });
  return answer;
}

/** What it rejects with; undefined where it does not. */
async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}
