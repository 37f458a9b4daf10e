import { ErrorReply } from "@redis/client";
import { bounds } from "../bounds.ts";
import type { RedisNodes, ShardNode } from "./nodes/redis-nodes.ts";
import { type CopyState, readCopyState, readRedisState, type RedisState } from "./redis-settings.ts";

/**
 * Asks the Redis of a shard for its role and its settings; in a cluster its replicas too, as they are set like no primary
 * has to be, and become one. A replica that does not answer has no fault: what it does not confirm does not count.
 *
 * A replica that was just filled anew confirms what it has in memory only, until its log is written. Where it is one of
 * several, it does not count: as many more have to confirm meanwhile. This is seen a moment late, as the settings are
 * looked at now and then. What is confirmed in that moment is on the primary's disk, and in the replica's memory: it would
 * take the loss of both within seconds to lose it.
 *
 * @param durable false accepts what answers before it has synced to disk
 */
export async function readShardState(
  nodes: RedisNodes,
  node: ShardNode,
  shard: number,
  durable: boolean,
): Promise<RedisState> {
  if (!nodes.isCluster) return readRedisState(node, durable);
  const [state, copies] = await Promise.all([
    readRedisState(node, durable),
    readCopies(nodes, shard, durable),
  ]);
  if (state.isReplica) {
    node.search();
    return { ...state, fault: `shard ${shard} has another primary now, which is being looked for` };
  }
  node.setUnsaved(copies.filter(({ isUnsaved }) => isUnsaved).length);
  const fault = copies.find((copy) => copy.fault !== null)?.fault ?? null;
  return { ...state, fault: state.fault ?? fault };
}

async function readCopies(nodes: RedisNodes, shard: number, durable: boolean): Promise<readonly CopyState[]> {
  // Without replicas that are waited for, what they have is no part of the promise.
  if (nodes.minReplicas === 0) return [];
  const copies = await nodes.copies(shard).catch(() => []);
  const asked = copies
    .filter(({ isPrimary, isFailing }) => !isPrimary && !isFailing)
    .map(async (copy) => {
      const name = `the replica ${copy.address} of shard ${shard}`;
      try {
        return await withinTime(readCopyState(copy, name, durable));
      } catch (error) {
        const tells = !(error instanceof ErrorReply) || !/^(NOPERM|ERR) /.test(error.message);
        const fault = tells ? null : `${name} does not tell its settings (${error.message})`;
        return { fault, isUnsaved: false };
      }
    });
  return Promise.all(asked);
}

/** A frozen replica must not hold up its shard. */
async function withinTime<T>(answer: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("it does not answer")), bounds.cluster_answer_milliseconds_max);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
