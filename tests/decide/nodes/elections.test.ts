import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { z } from "zod";
import { bounds } from "../../../src/bounds.ts";
import { ClusterShardNode, type FoundPrimary } from "../../../src/decide/nodes/cluster-shard-node.ts";
import { openRedisNodes } from "../../../src/decide/nodes/open-nodes.ts";
import { eventually } from "../../support/eventually.ts";
import { failOnLeaks } from "../../support/leaks.ts";
import { describeWithRedis } from "../../support/redis-under-test.ts";
import { type ClusterNodeServer, RedisCluster } from "../../support/servers/redis-cluster.ts";
import { ready } from "../support/ready-node.ts";

failOnLeaks();
setDefaultTimeout(120_000);

const LIST = "razonete:{0}:list";
const ROUNDS = 6;

describeWithRedis("an election", () => {
  let cluster: RedisCluster;
  beforeEach(async () => {
    cluster = await RedisCluster.start();
  });
  afterEach(() => cluster?.dispose());

  // Patient: it is answered over the connection that it had before. Otherwise it may have given the primary up.
  for (const isPatient of [true, false])
    test(`while which the old primary thaws: nothing is confirmed that the new one does not have (${isPatient ? "patient" : "given up"})`, async () => {
      const nodes = openRedisNodes(cluster.url, { minReplicas: 1, isPatient });
      const node = await ready(nodes, 0);
      const confirmed: string[] = [];
      let sent = 0;
      const load = setInterval(() => {
        const item = String((sent += 1));
        node.confirmed.sendCommand(["RPUSH", LIST, item]).then(
          () => confirmed.push(item),
          () => {},
        );
      }, 2);
      for (let round = 0; round < ROUNDS; round += 1) {
        const before = confirmed.length;
        await eventually("it is confirmed", () => confirmed.length > before);
        const old = await cluster.primaryOf(0);
        const others = cluster.nodesOf(0).filter((one) => one !== old);
        const epoch = await epochOf(others);
        old.process.signal("SIGSTOP");
        // Votes of the time before may still count, and then nobody asks for more.
        const deadline = performance.now() + 5_000;
        while ((await epochOf(others)) === epoch && performance.now() < deadline) await Bun.sleep(1);
        old.process.signal("SIGCONT");
        await electionEnds(others);
        // One at a time: nobody is away any more, or follows another one, and who was just filled has caught up.
        let told: readonly string[] = [];
        await eventually(
          "it is whole",
          async () => isWhole((told = await replicationsOf(cluster.nodesOf(0)))),
          () => told,
        );
        const { offset } = copiesOf(await replicationOf(await cluster.primaryOf(0)));
        await eventually("it has caught up", async () => {
          const { offsets } = copiesOf(await replicationOf(await cluster.primaryOf(0)));
          return offsets.length === 2 && Math.min(...offsets) >= offset;
        });
      }
      clearInterval(load);
      nodes.close();
      const primary = await cluster.primaryOf(0);
      const there = new Set(z.array(z.string()).parse(await primary.command("LRANGE", LIST, "0", "-1")));
      expect(confirmed.length).toBeGreaterThan(ROUNDS);
      expect(confirmed.filter((item) => !there.has(item))).toEqual([]);
    });

  test("is not held after a short silence; where a replica lives and does not follow, the shard waits for 3 s", async () => {
    const nodes = openRedisNodes(cluster.url, { minReplicas: 1 });
    const node = await ready(nodes, 0);
    const { primary, replicas } = await cluster.rolesOf(0);
    const [replica] = replicas;
    if (replica === undefined) throw new Error("no node");
    await replica.command("CONFIG", "SET", "masteruser", "nobody", "masterauth", "wrong");
    await primary.command("CLIENT", "KILL", "TYPE", "replica");
    await eventually("the other one follows again", async () =>
      String(await primary.command("INFO", "replication")).includes("state=online"),
    );
    let confirmed = 0;
    const load = setInterval(() => {
      node.confirmed.sendCommand(["INCR", "razonete:{0}:count"]).then(
        () => (confirmed += 1),
        () => {},
      );
    }, 2);
    await eventually("one is enough", () => confirmed > 0);
    // Its clients hear nothing of it, and the other nodes do.
    const silence = bounds.primary_unheard_milliseconds_max + 100;
    const silentAt = performance.now();
    await primary.command("CLIENT", "PAUSE", String(silence), "ALL");
    // What was answered before is read meanwhile.
    for (let turn = 0; turn < 3; turn += 1) await Bun.sleep(100);
    const before = confirmed;
    await eventually("one is enough again", () => confirmed > before, undefined, 15_000);
    expect(performance.now() - silentAt).toBeGreaterThan(silence + bounds.primary_doubt_milliseconds - 50);
    clearInterval(load);
    nodes.close();
    expect(await cluster.primaryOf(0)).toBe(primary);
  });

  test("is followed by some seconds in which a replica has to confirm that the cluster does not count to the new primary yet", async () => {
    const [primary, replica] = cluster.nodesOf(0);
    const [former] = cluster.nodesOf(1);
    if (primary === undefined || replica === undefined || former === undefined) throw new Error("no node");
    let found = former;
    const findPrimary = async (): Promise<FoundPrimary> => {
      return { url: `redis://127.0.0.1:${found.process.port}`, replicas: 0, failing: 0 };
    };
    const shard = new ClusterShardNode(0, { minReplicas: 1, findPrimary });
    await eventually("the former one is found", () => shard.isReady);
    found = primary;
    shard.search();
    await eventually("the new one is found", () => shard.isReady);
    const write = () => shard.confirmed.sendCommand(["INCR", "razonete:{0}:count"]);
    await write();
    replica.process.signal("SIGSTOP");
    expect(write()).rejects.toThrow("1 replicas confirm it, not 2");
    shard.close();
  });

  test("that comes to nothing is held once more, while the primary is away", async () => {
    const { primary, replicas } = await cluster.rolesOf(0);
    const [other] = replicas;
    const [voter, witness] = [await cluster.primaryOf(1), await cluster.primaryOf(2)];
    // Two might ask at once again.
    await other?.process.kill();
    await primary.process.kill();
    await eventually("it counts as failing", async () =>
      new RegExp(`:${primary.process.port}@\\S+ master,fail `).test(
        String(await witness.command("CLUSTER", "NODES")),
      ),
    );
    // Without this one there is no majority for as long as votes count.
    voter.process.signal("SIGSTOP");
    await Bun.sleep(4_000);
    voter.process.signal("SIGCONT");
    await eventually("another one is the primary", async () => (await cluster.primaryOf(0)) !== primary);
  });
});

/** Until one of them is elected; or none will be by now, for want of votes. */
async function electionEnds(nodes: readonly ClusterNodeServer[]): Promise<void> {
  const deadline = performance.now() + 2_000;
  while (performance.now() < deadline) {
    const told = await replicationsOf(nodes);
    if (told.some((text) => text.includes("role:master"))) return;
    await Bun.sleep(10);
  }
}

/** One of them is the primary, and the two others have been taken for its replicas, and follow it. */
function isWhole(told: readonly string[]): boolean {
  const all = told.join();
  const isOnline = all.split("state=online").length === 3 && all.split("master_link_status:up").length === 3;
  return isOnline && all.split("role:master").length === 2;
}

/** How far a primary is, and what its replicas have confirmed. */
function copiesOf(replication: string): { readonly offset: number; readonly offsets: readonly number[] } {
  return {
    offset: Number(/master_repl_offset:(\d+)/.exec(replication)?.[1]),
    offsets: [...replication.matchAll(/state=online,offset=(\d+)/g)].map(([, offset]) => Number(offset)),
  };
}

async function replicationOf(node: ClusterNodeServer): Promise<string> {
  return String(await node.command("INFO", "replication"));
}

function replicationsOf(nodes: readonly ClusterNodeServer[]): Promise<string[]> {
  return Promise.all(nodes.map(replicationOf));
}

/** The latest that they know: it grows as one of them asks to be elected. */
async function epochOf(nodes: readonly ClusterNodeServer[]): Promise<number> {
  const told = await Promise.all(nodes.map((node) => node.command("CLUSTER", "INFO")));
  return Math.max(...told.map((text) => Number(/current_epoch:(\d+)/.exec(String(text))?.[1])));
}
