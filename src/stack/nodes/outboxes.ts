import { slotOf } from "../../decide/nodes/cluster-map.ts";
import { headKey, outboxKey } from "../../decide/redis-client.ts";
import { redisAddress, urlOfNode } from "../../redis-address.ts";
import { type Command, orderNode, viewOf } from "./ask-node.ts";
import { type NodeLine, ownerOf } from "../../decide/nodes/node-lines.ts";

/**
 * How many batches in the outboxes of all shards still have to be kept, wherever in a Redis Cluster the shards are.
 *
 * @param url redis-cluster://...
 * @throws Error if a primary does not answer
 */
export async function lengthOfOutboxes(url: string): Promise<number> {
  const { urls } = redisAddress(url);
  const views = (await Promise.all(urls.map(viewOf))).filter((view) => view !== null);
  const shards = Number((await askShard(0, ["HGET", headKey(0), "shards"])) ?? 0);
  const lengths = await Promise.all(
    Array.from({ length: shards }, (_, shard) => askShard(shard, ["XLEN", outboxKey(shard)])),
  );
  return lengths.reduce<number>((sum, length) => sum + Number(length), 0);

  function askShard(shard: number, command: Command): Promise<unknown> {
    return orderNode(urlOfOwner(urls[0] ?? "", views, slotOf(shard)), ...command);
  }
}

function urlOfOwner(url: string, views: readonly (readonly NodeLine[])[], slot: number): string {
  const [, host = "", port = ""] = /^(.*):(\d+)$/.exec(ownerOf(slot, views)?.address ?? "") ?? [];
  if (host === "") throw new Error("a shard has no primary");
  return urlOfNode(url, host, Number(port));
}
