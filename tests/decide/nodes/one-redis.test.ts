import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { openRedisNodes } from "../../../src/decide/nodes/open-nodes.ts";
import type { ShardNode } from "../../../src/decide/nodes/redis-nodes.ts";
import { failOnLeaks } from "../../support/leaks.ts";
import { describeWithRedis } from "../../support/redis-under-test.ts";
import { type RedisServer, startRedis } from "../../support/servers/redis.ts";
import { ready } from "../support/ready-node.ts";

failOnLeaks();
setDefaultTimeout(60_000);

describeWithRedis("one Redis", () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.process.dispose());

  test("has all shards on one connection, and is asked nothing besides", async () => {
    const nodes = openRedisNodes(redis.url);
    try {
      const node = await ready(nodes, 0);
      expect(nodes.shard(5)).toBe(node);
      await node.confirmed.sendCommand(["SET", "x", "1"]);
      expect(await node.confirmed.sendCommand<string | null>(["GET", "x"])).toBe("1");
      const { set, get, ...others } = await callsOf(node);
      expect([set, get]).toEqual([1, 1]);
      expect(Object.keys(others)).not.toContain("wait");
      expect((await nodes.primaries()).map(({ address }) => address)).toEqual([new URL(redis.url).host]);
      expect(await nodes.copies(3)).toHaveLength(1);
    } finally {
      nodes.close();
    }
  });
});

/** How often it was called, by command. */
async function callsOf(node: ShardNode): Promise<Record<string, number>> {
  const told = await node.sendCommand<string>(["INFO", "commandstats"]);
  return Object.fromEntries(
    [...told.matchAll(/^cmdstat_(\w+):calls=(\d+)/gm)].map(([, name, calls]) => [name ?? "", Number(calls)]),
  );
}
