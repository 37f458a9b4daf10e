import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { failOnLeaks } from "../support/leaks.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { ALL, LossStand } from "./support/loss-stand.ts";

/** Shards on several nodes without replicas, `--redis-nodes` alone, under load, with all parts as they are. */

failOnLeaks();
setDefaultTimeout(180_000);

describe.skipIf(serversMissing !== null)("a stack with Redis on several nodes and without replicas", () => {
  let stand: LossStand;
  beforeAll(async () => {
    stand = new LossStand(0);
    await stand.start();
  });
  afterAll(() => stand[Symbol.asyncDispose]());

  test("has each shard on a node of its own; one that is killed is back by itself, and the others go on", async () => {
    expect(stand.stack.output()).toContain("redis-1 to redis-3 (3 primaries), decides, in 3 shards\n");
    expect(ALL.map((shard) => stand.nodesOf(shard))).toEqual([["redis-1"], ["redis-2"], ["redis-3"]]);
    await stand.survives("a node without replicas killed", async () => {
      stand.signal("SIGKILL", "redis-2");
      await stand.load.goesOn([0, 2], 50);
    });
    expect(stand.primaryOf(1)).toBe("redis-2");
  });

  test("one that freezes: its shard waits for it, and the others go on", async () => {
    await stand.survives("a node without replicas frozen", async () => {
      stand.signal("SIGSTOP", "redis-3");
      await stand.load.goesOn([0, 1], 50);
      stand.signal("SIGCONT", "redis-3");
    });
  });
});
