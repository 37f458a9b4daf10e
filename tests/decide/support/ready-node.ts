import type { RedisNodes, ShardNode } from "../../../src/decide/nodes/redis-nodes.ts";
import { eventually } from "../../support/eventually.ts";

/** The shard's node, once it is found. */
export async function ready(nodes: RedisNodes, shard: number): Promise<ShardNode> {
  const node = nodes.shard(shard);
  await eventually(
    "the shard's node is found",
    () => node.isReady,
    () => node.trouble,
  );
  return node;
}
