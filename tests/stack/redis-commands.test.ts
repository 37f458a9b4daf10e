import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { slotOf } from "../../src/decide/nodes/cluster-map.ts";
import { hasSlot, type NodeLine } from "../../src/decide/nodes/node-lines.ts";
import { viewOf } from "../../src/stack/nodes/ask-node.ts";
import { eventually } from "../support/eventually.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { startLooseNodes } from "../support/servers/redis-cluster.ts";

/**
 * `razonete redis-join` and `razonete redis-guard`, as they are used on machines of one's own: six nodes of Redis that nobody
 * supervises. The tests go on where the one before them ended.
 */

failOnLeaks();
setDefaultTimeout(120_000);

const ROOT = join(import.meta.dir, "../..");
const SHARDS = 3;
const ALL = [0, 1, 2];
const REPLICAS = ["--replicas", "1"];
type LooseNode = Awaited<ReturnType<typeof startLooseNodes>>[number];

describe.skipIf(serversMissing !== null)("nodes of Redis on machines of one's own", () => {
  let nodes: LooseNode[] = [];
  beforeAll(async () => {
    nodes = await startLooseNodes(6);
  });
  afterAll(async () => {
    for (const { client } of nodes) client.destroy();
    await Promise.all(nodes.map(({ process }) => process.dispose()));
  });

  const hostOf = ({ url }: LooseNode): string => new URL(url).host;
  const folderOf = ({ process }: LooseNode): string => dirname(process.logFile);
  const node = (place: number): LooseNode => {
    const found = nodes[place];
    if (found === undefined) throw new Error(`there is no node ${place}`);
    return found;
  };

  async function run(args: readonly string[], of: readonly LooseNode[] = nodes) {
    const child = Bun.spawn([globalThis.process.execPath, "src/cli/main.ts", ...args], {
      cwd: ROOT,
      env: {
        PATH: globalThis.process.env["PATH"] ?? "",
        REDIS_URL: `redis-cluster://${of.map(hostOf).join(",")}`,
      },
      stdout: "pipe",
      stderr: "pipe",
    });
    const said = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    return { code: await child.exited, said: said.join("").trim() };
  }
  const join3 = (more: readonly string[] = REPLICAS, of: readonly LooseNode[] = nodes) =>
    run(["redis-join", "--shards", String(SHARDS), ...more], of);
  const guard = (place: number) =>
    run(["redis-guard", "--node", hostOf(node(place)), "--folder", folderOf(node(place))]);

  const viewFrom = async (place: number): Promise<readonly NodeLine[]> =>
    (await viewOf(node(place).url)) ?? [];
  /** host:port of the primary of each shard, as one node has it. */
  async function primaries(from: number): Promise<(string | null | undefined)[]> {
    const view = await viewFrom(from);
    return ALL.map((shard) => view.find((line) => hasSlot(line, slotOf(shard)))?.address);
  }

  /** Writes a batch of each shard at its primary, and waits for its replica. */
  async function decide(g: number): Promise<void> {
    const owners = await primaries(0);
    for (const shard of ALL) {
      const primary = nodes.find((each) => hostOf(each) === owners[shard]);
      await primary?.command("HSET", `razonete:{${shard}}:head`, "epoch", "e", "g", String(g));
      await eventually("a replica has it", async () => (await primary?.command("WAIT", "1", "500")) === 1);
    }
  }

  const stopAll = (): Promise<unknown> => Promise.all(nodes.map(({ process }) => process.kill()));

  test("redis-join refuses numbers that do not fit, and does nothing then", async () => {
    expect(await join3(REPLICAS, nodes.slice(0, 5))).toEqual({
      code: 1,
      said: expect.stringContaining(
        "--replicas 1 does not fit: each primary has as many, and REDIS_URL names 5 nodes in all.",
      ),
    });
    expect(await join3(["--replicas", "2"])).toEqual({
      code: 1,
      said: expect.stringContaining(
        "6 nodes with --replicas 2 have 2 primaries, and it takes 3 to replace one",
      ),
    });
    expect(await viewFrom(0)).toHaveLength(1);
  });

  test("redis-join makes one cluster of them, and run again changes nothing", async () => {
    const whole = { code: 0, said: "The cluster is whole: 3 primaries with 1 replica each." };
    expect(await join3()).toEqual(whole);
    expect(await primaries(5)).toEqual([0, 1, 2].map((place) => hostOf(node(place))));
    const before = (await viewFrom(0)).map(({ id, slots, primaryId, epoch }) => ({
      id,
      slots,
      primaryId,
      epoch,
    }));
    expect(before.filter(({ primaryId }) => primaryId !== null)).toHaveLength(3);
    expect(await join3()).toEqual(whole);
    expect(
      (await viewFrom(0)).map(({ id, slots, primaryId, epoch }) => ({ id, slots, primaryId, epoch })),
    ).toEqual(before);
    await decide(1);
    // As it is once there is a ledger.
    await node(0).command("HSET", "razonete:{0}:head", "shards", String(SHARDS));
    expect(await join3()).toEqual(whole);
    expect(await run(["redis-join", ...REPLICAS])).toEqual(whole);
    expect(await run(["redis-join", "--shards", "4", ...REPLICAS])).toEqual({
      code: 1,
      said: expect.stringContaining("the ledger in it has 3 shards, not 4, which cannot be changed"),
    });
  });

  test("redis-join gives a node that lost its folder its place again, with all that its primary has", async () => {
    const lost = node(5);
    const before = (await viewFrom(0)).find(({ address }) => address === hostOf(lost));
    await lost.process.kill();
    for (const each of ["nodes.conf", "appendonlydir"])
      rmSync(join(folderOf(lost), each), { recursive: true });
    await lost.process.start();
    expect(await join3()).toMatchObject({ code: 0 });
    // It says that it is done once all nodes have it so, whichever of them is asked.
    for (const place of nodes.keys()) {
      const view = await viewFrom(place);
      const after = view.find(({ address }) => address === hostOf(lost));
      expect(after?.id).not.toBe(before?.id ?? "");
      expect([place, after?.primaryId, view.length]).toEqual([place, before?.primaryId, nodes.length]);
    }
    await decide(2);
  });

  test("redis-guard says which nodes there are where the one that it is given is none of them", async () => {
    const { code, said } = await run(["redis-guard", "--node", "127.0.0.1:1", "--folder", folderOf(node(0))]);
    expect([code, said]).toEqual([
      1,
      expect.stringContaining("--node 127.0.0.1:1 is none of the nodes in REDIS_URL"),
    ]);
  });

  test("a primary whose log is older than its replica's may not start; once the replica is the primary, it may", async () => {
    const primary = node(0);
    const log = join(folderOf(primary), "appendonlydir");
    const older = join(folderOf(primary), "older");
    const { address: heirAddress } = (await replicaOf(primary)) ?? {};
    const heir = nodes.find((each) => hostOf(each) === heirAddress);
    if (heir === undefined) throw new Error("it has no replica");
    cpSync(log, older, { recursive: true });
    await decide(3);
    await stopAll();
    await heir.process.start();
    // With what it had when it was stopped it may.
    expect(await guard(0)).toMatchObject({ code: 0 });

    rmSync(log, { recursive: true });
    cpSync(older, log, { recursive: true });
    const refused = await guard(0);
    expect(refused.code).toBe(1);
    expect(refused.said).toContain(
      `${hostOf(primary)} has slots of the cluster, but its log is older: its replica ${hostOf(heir)} holds batch 3 of shard 0.`,
    );
    const takeOver = `redis-cli -h 127.0.0.1 -p ${heir.process.port} CLUSTER FAILOVER TAKEOVER`;
    expect(refused.said).toContain(takeOver);

    expect(Bun.spawnSync(takeOver.split(" ")).stdout.toString().trim()).toBe("OK");
    expect(await guard(0)).toMatchObject({ code: 0 });
    await Promise.all(nodes.filter((each) => each !== heir).map(({ process }) => process.start()));
    await eventually("it follows", async () => (await replicaOf(heir))?.address === hostOf(primary));
    await eventually("the node has the batch", async () => {
      await primary.command("READONLY");
      return (await primary.command("HGET", "razonete:{0}:head", "g")) === "3";
    });
  });

  test("a primary that has lost its log may not start either, nor where its nodes.conf is gone, too", async () => {
    await eventually("all follow", async () => (await join3()).code === 0);
    await decide(4);
    const primary = node(1);
    const heir = await replicaOf(primary);
    const other = nodes.findIndex((each) => hostOf(each) === heir?.address);
    await stopAll();
    await node(other).process.start();
    rmSync(join(folderOf(primary), "appendonlydir"), { recursive: true });
    for (const lost of ["", "nodes.conf"]) {
      if (lost !== "") rmSync(join(folderOf(primary), lost));
      const { code, said } = await guard(1);
      expect([code, said]).toEqual([1, expect.stringContaining("but its log is missing: its replica")]);
    }
  });

  /** The line of the one that follows this node. */
  async function replicaOf(primary: LooseNode): Promise<NodeLine | undefined> {
    const views = await Promise.all(nodes.map(({ url }) => viewOf(url)));
    const view = views.find((each) => each !== null) ?? [];
    const own = view.find(({ address }) => address === hostOf(primary));
    return view.find(({ primaryId }) => primaryId === own?.id);
  }
});
