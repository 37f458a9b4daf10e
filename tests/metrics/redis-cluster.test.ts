import { afterAll, beforeAll, describe, setDefaultTimeout, test } from "bun:test";
import { RedisLook } from "../../src/metrics/redis-look.ts";
import { CopiedLedger } from "../support/copies/copied-ledger.ts";
import { eventually } from "../support/eventually.ts";
import { serversMissing } from "../support/servers/binaries.ts";

setDefaultTimeout(120_000);

describe.skipIf(serversMissing !== null)("what is told of the shards of a Redis Cluster", () => {
  let ledger: CopiedLedger;
  beforeAll(async () => {
    ledger = await CopiedLedger.begin();
  });
  afterAll(() => ledger.dispose());

  test("is that of each, and of the others where one has lost all its nodes", async () => {
    await ledger.decided(1);
    const look = new RedisLook(ledger.redis.urlOf("api"));
    try {
      let shown: string[] = [];
      const shows = (...expected: readonly string[]) =>
        eventually(
          `shown is ${expected.join(", ")}`,
          async () => {
            shown = (await look.shards()).map(({ shard, g, outbox }) => [shard, g, outbox].join(" "));
            return Bun.deepEquals(shown, expected);
          },
          () => shown,
        );
      await shows("0 0 0", "1 1 1", "2 0 0");
      await Promise.all(ledger.redis.nodesOf(0).map(({ process }) => process.kill()));
      await shows("1 1 1", "2 0 0");
    } finally {
      look.close();
    }
  });
});
