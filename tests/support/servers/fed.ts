import { readStream } from "../../../src/carry/read-stream.ts";
import type { Cluster } from "../cluster.ts";
import { eventually } from "../eventually.ts";

/**
 * Until the stream in NATS has every batch of shard 0 after `g` up to the latest one: an API publishes a batch after it
 * has answered, and nobody waits for that.
 */
export async function fedAfter(g: number, cluster: Cluster): Promise<void> {
  const [epoch, latest] = await Promise.all(
    ["epoch", "g"].map((field) => cluster.redisCommand("HGET", "razonete:{0}:head", field)),
  );
  const missing = new Set<number>();
  await eventually(
    "the feed has all batches",
    async () => {
      for (let each = g + 1; each <= Number(latest); each += 1) missing.add(each);
      await readStream(cluster.nats.url, (batch) => {
        if (batch.shard === 0 && batch.epoch === epoch) missing.delete(batch.g);
      });
      return missing.size === 0;
    },
    () => [...missing],
  );
}
