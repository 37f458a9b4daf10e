import { ErrorReply } from "@redis/client";
import { bounds } from "../../bounds.ts";
import { headKey } from "../redis-client.ts";
import { parseClusterNodes, slotOf } from "./cluster-map.ts";
import type { RedisNodes, ShardCopy } from "./redis-nodes.ts";
import { withinTime } from "./within-time.ts";

/**
 * What a person can do about a shard of a cluster that does not decide, as a sentence; null if its primary answers and is
 * followed, so that the cluster's form is not what is wrong. What it names is looked at now: the replica that has most of
 * the shard, as the fuller copies would be emptied by one that has less.
 *
 * Rejects if the cluster cannot be asked.
 */
export async function adviseOnShard(nodes: RedisNodes, shard: number): Promise<string | null> {
  const copies = await nodes.copies(shard);
  const primary = copies.find(({ isPrimary }) => isPrimary);
  if (primary === undefined)
    return `Assign slot ${slotOf(shard)}, which is the shard's, to the node that has its keys.`;
  const replicas = copies.filter(({ isPrimary }) => !isPrimary);
  const looked = await Promise.all(
    replicas.map(async (copy) => ({ copy, content: await contentOf(copy, shard) })),
  );
  const living = looked.flatMap(({ copy, content }) => (content === null ? [] : [{ copy, ...content }]));
  if (await answers(primary)) {
    if (living.length >= nodes.minReplicas) return null;
    const away = looked.filter(({ content }) => content === null).map(({ copy }) => copy.address);
    const missing = away.length === 0 ? "replicas for it" : away.join(" or ");
    return `Its primary ${primary.address} answers, and too few replicas follow it: start ${missing}.`;
  }
  const [fullest] = living.toSorted((a, b) => (b.g ?? -1) - (a.g ?? -1) || b.offset - a.offset);
  if (fullest === undefined) return `Start its primary, ${primary.address}, with the data that it had.`;
  const { copy, g, offset } = fullest;
  const content = g === null ? `replication offset ${offset}` : `batch ${g}`;
  const how = (await hasMajority(copy)) ? "FORCE" : "TAKEOVER";
  return (
    `Start its primary, ${primary.address}, with the data that it had. Only if that cannot be: ${copy.address} has most of ` +
    `the shard of the replicas that answer (${content}), and becomes the primary by ` +
    `redis-cli -h ${hostOf(copy)} -p ${portOf(copy)} CLUSTER FAILOVER ${how}; ` +
    "if it lacks what was answered, that is noticed, and razonete restore brings it back from the books."
  );
}

/** How much of the shard a replica has. */
interface Content {
  /** The number of the latest batch; null where most primaries are away, since keys are not read then. */
  readonly g: number | null;
  /** Of what its primary sent. It is 0 after a restart, so it counts only where there is no batch to compare. */
  readonly offset: number;
}

/** `null`: it does not answer. */
async function contentOf(copy: ShardCopy, shard: number): Promise<Content | null> {
  const ask = (...args: string[]): Promise<unknown> =>
    withinTime(copy.sendCommand(args), bounds.cluster_answer_milliseconds_max);
  try {
    const offset = /^slave_repl_offset:(\d+)/m.exec(String(await ask("INFO", "replication")))?.[1];
    // Without it, a replica sends whoever asks it for a key to its primary.
    await ask("READONLY");
    const g = await ask("HGET", headKey(shard), "g").catch((error: unknown) => {
      if (error instanceof ErrorReply) return null;
      throw error;
    });
    return { g: g === null ? null : Number(g), offset: Number(offset ?? 0) };
  } catch {
    return null;
  }
}

async function answers(copy: ShardCopy): Promise<boolean> {
  return withinTime(copy.sendCommand(["PING"]), bounds.cluster_answer_milliseconds_max).then(
    () => true,
    () => false,
  );
}

/** Whether most of the primaries live, as this node sees it: a new one is elected by them. */
async function hasMajority(copy: ShardCopy): Promise<boolean> {
  const told = copy.sendCommand(["CLUSTER", "NODES"]);
  const view = parseClusterNodes(await withinTime(told, bounds.cluster_answer_milliseconds_max), "");
  const voters = view.filter(({ isPrimary, slots }) => isPrimary && slots.length > 0);
  return voters.filter(({ isSuspected }) => !isSuspected).length * 2 > voters.length;
}

function portOf({ address }: ShardCopy): string {
  return address.slice(address.lastIndexOf(":") + 1);
}

function hostOf({ address }: ShardCopy): string {
  return address.slice(0, address.lastIndexOf(":"));
}
