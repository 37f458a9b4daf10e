/**
 * What it means, for a person, that a node answers that another one has the shard's keys (MOVED); null if it is another
 * error.
 *
 * @param isCluster whether REDIS_URL names a Redis Cluster: then it has changed, and the new primary is looked for
 */
export function whyMoved(message: string, isCluster: boolean): string | null {
  const [, address] = /^MOVED \d+ (\S+)/.exec(message) ?? [];
  if (address === undefined) return null;
  return isCluster ? `another node is the primary now, ${address}` : NODE_FAULT;
}

/** Of a user that is given one node of a cluster as if it were all of Redis. */
export const NODE_FAULT =
  "REDIS_URL names one node of a Redis Cluster, which has no key of the others: write " +
  "redis-cluster:// and its nodes with commas between them, as in redis-cluster://a:6379,b:6379,c:6379";
