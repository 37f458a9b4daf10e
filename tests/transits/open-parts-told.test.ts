import { expect, setDefaultTimeout, test } from "bun:test";
import { RedisLook } from "../../src/metrics/redis-look.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { describeWithRedis } from "../support/redis-under-test.ts";
import { ATTEMPT, aToB, OTHER, twoShards } from "./support/two-shards.ts";

failOnLeaks();
setDefaultTimeout(60_000);

describeWithRedis("what is told of open parts of transactions across shards", () => {
  const the = twoShards();

  test("is how many each shard has, and since when, until they have ended", async () => {
    const look = new RedisLook(the.stand.server.url);
    const shown = async () =>
      (await look.shards()).map(({ partsOpen, oldestPart }) => [partsOpen, oldestPart]);
    try {
      expect(await shown()).toEqual([
        [0, null],
        [0, null],
      ]);
      await the.prepare(aToB, ["b"]);
      await the.prepare(aToB, ["b"], "0-two");
      const [first, second] = (await the.stand.events(OTHER))
        .slice(-2)
        .map((event) => Number(event.split(" ")[1]));
      expect(await shown()).toEqual([
        [0, null],
        [2, first ?? 0],
      ]);
      await the.ask("undo", OTHER, ATTEMPT);
      expect(await shown()).toEqual([
        [0, null],
        [1, second ?? 0],
      ]);
      await the.finish("0-two");
      expect(await shown()).toEqual([
        [0, null],
        [0, null],
      ]);
    } finally {
      look.close();
    }
  });
});
