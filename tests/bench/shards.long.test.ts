import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { ShardsBenchResult } from "../../proof/bench/shards/shards.ts";
import { serversMissing } from "../support/servers/binaries.ts";
import { failOnLeaks } from "../support/leaks.ts";
import { benchToTheEnd, wrkMissing } from "../support/start-bench.ts";

failOnLeaks();
setDefaultTimeout(240_000);

const missing = serversMissing ?? wrkMissing();

describe.skipIf(missing !== null)("razonete bench shards", () => {
  test("measures transactions and transfers on several shards, without and with replicas, beside the same on one", async () => {
    const flags = [
      "--rounds",
      "1",
      "--seconds",
      "1",
      "--connections",
      "4",
      "--shards",
      "2",
      "--replicas",
      "1",
    ];
    const { output, said } = await benchToTheEnd("shards", ...flags);
    expect(said).toContain("2 shards, transfer across to 2 shards, transfer inside");
    const { result }: { result: ShardsBenchResult } = JSON.parse(output);
    const [comparison] = result.comparisons;
    expect(Object.keys(comparison?.samples ?? {})).toEqual([
      "1 shard",
      "2 shards",
      "with replicas",
      "1 shard, transfer inside",
      "2 shards, transfer inside",
      "with replicas, transfer inside",
      "1 shard, transfer across",
      "2 shards, transfer across",
      "with replicas, transfer across",
    ]);
    const [copied] = comparison?.samples["with replicas"] ?? [];
    for (const process of ["redis", "redis replica", "nats", "postgres", "postgres standby", "writer"])
      expect(copied?.cpuMicrosecondsByProcess[process], process).toBeGreaterThan(0);
    for (const [sample] of Object.values(comparison?.samples ?? {}))
      expect(sample?.cpuMicroseconds).toBeGreaterThan(0);
    expect(comparison?.ratios.map(({ name, other }) => [name, other])).toEqual([
      ["2 shards", "1 shard"],
      ["with replicas", "2 shards"],
      ["2 shards, transfer inside", "1 shard, transfer inside"],
      ["with replicas, transfer inside", "2 shards, transfer inside"],
      ["2 shards, transfer across", "1 shard, transfer across"],
      ["with replicas, transfer across", "2 shards, transfer across"],
      ["2 shards, transfer across", "2 shards, transfer inside"],
      ["with replicas, transfer across", "with replicas, transfer inside"],
    ]);
  });
});
