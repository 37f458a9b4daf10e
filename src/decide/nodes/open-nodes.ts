import { redisAddress } from "../../redis-address.ts";
import { ClusterNodes } from "./cluster-nodes.ts";
import { OneNode } from "./one-node.ts";
import type { RedisNodes, RedisNodesOptions } from "./redis-nodes.ts";

/** @param url as REDIS_URL; connects nothing yet, but for the nodes of a cluster that it names */
export function openRedisNodes(url: string, options: RedisNodesOptions = {}): RedisNodes {
  const { isCluster, urls } = redisAddress(url);
  return isCluster ? new ClusterNodes(urls, options) : new OneNode(url);
}
