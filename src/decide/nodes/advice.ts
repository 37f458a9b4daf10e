import { ErrorReply } from "@redis/client";
import { bounds } from "../../bounds.ts";
import { headKey } from "../redis-client.ts";
import { parseClusterNodes, slotOf } from "./cluster-map.ts";
import type { RedisNodes, ShardCopy } from "./redis-nodes.ts";
import { withinTime } from "./within-time.ts";

/**
 * What a person can do about a shard of a cluster that does not decide, as a sentence; null if its primary answers and is
 * followed, so that the cluster's form is not what is wrong. What it names is looked at now: the replica that has most of
 * the shard, as the fuller copies would be emptied by one that has less. So none is named before all that answer have told
 * what they have: just after a start they cannot.
 *
 * Rejects if the cluster cannot be asked.
 */
export async function adviseOnShard(
  nodes: Pick<RedisNodes, "copies" | "minReplicas">,
  shard: number,
): Promise<string | null> {
  const copies = await nodes.copies(shard);
  const primary = copies.find(({ isPrimary }) => isPrimary);
  if (primary === undefined)
    return `Assign slot ${slotOf(shard)}, which is the shard's, to the node that has its keys.`;
  const replicas = copies.filter(({ isPrimary }) => !isPrimary);
  const looked = await Promise.all(
    replicas.map(async (copy) => ({ copy, content: await contentOf(copy, shard) })),
  );
  const living = looked.flatMap(({ copy, content }) => (content === null ? [] : [{ copy, ...content }]));
  const answer = await answerOf(primary);
  if (answer === "loading")
    return `Wait: its primary, ${primary.address}, is starting, and reads what it has on disk.`;
  if (answer === "yes") {
    if (living.length >= nodes.minReplicas) return null;
    const away = looked.filter(({ content }) => content === null).map(({ copy }) => copy.address);
    const missing = away.length === 0 ? "replicas for it" : away.join(" or ");
    return `Its primary ${primary.address} answers, and too few replicas follow it: start ${missing}.`;
  }
  const start = `Start its primary, ${primary.address}, with the data that it had.`;
  const untold = living.filter(
    ({ g, offset, refusal }) => g === null && (offset === 0 || isLoading(refusal)),
  );
  if (untold.length > 0) return `${start} ${waitFor(untold)}`;
  const [fullest] = living
    .filter(({ g }) => g !== NOTHING)
    .toSorted((a, b) => (b.g ?? -1) - (a.g ?? -1) || b.offset - a.offset);
  if (fullest === undefined) return start;
  const { copy, g, offset } = fullest;
  const content = g === null ? `replication offset ${offset}` : `batch ${g}`;
  const how = (await hasMajority(copy)) ? "FORCE" : "TAKEOVER";
  return (
    `${start} Only if that cannot be: ${copy.address} has most of ` +
    `the shard of the replicas that answer (${content}), and becomes the primary by ` +
    `${commandTo(copy)} CLUSTER FAILOVER ${how}; ` +
    "if it lacks what was answered, that is noticed, and razonete restore brings it back from the books."
  );
}

/** Of replicas that answer, but do not tell what they have. */
function waitFor(untold: readonly (Content & { readonly copy: ShardCopy })[]): string {
  const why = untold.map(({ copy, refusal }) => `${copy.address}: ${refusal}`).join("; ");
  const wait =
    "If it is starting, as after all were stopped, wait. Let no replica take its place before all that answer have told " +
    `how much of the shard they have, which they do not yet (${why})`;
  const stopped = untold.find(({ refusal }) => !isLoading(refusal));
  if (stopped === undefined) return `${wait}.`;
  return (
    `${wait}: they do once most of the primaries are back. Only if those are gone for good: each of these replicas tells ` +
    `after ${commandTo(stopped.copy)} CONFIG SET cluster-allow-reads-when-down yes.`
  );
}

/** Of a replica that has nothing of the shard, not even the number of its latest batch. */
const NOTHING = -1;

/** How much of the shard a replica has. */
interface Content {
  /**
   * The number of the latest batch, or {@link NOTHING}; null where it does not tell: it reads its log, or
   * most primaries are away, since keys are not read then.
   */
  readonly g: number | null;
  /** Of what its primary sent. It is 0 after a restart, so it counts only where there is no batch to compare. */
  readonly offset: number;
  /** Why it does not tell the batch, in its own words; "" if it does. */
  readonly refusal: string;
}

/** `null`: it does not answer. */
async function contentOf(copy: ShardCopy, shard: number): Promise<Content | null> {
  const ask = (...args: string[]): Promise<unknown> =>
    withinTime(copy.sendCommand(args), bounds.cluster_answer_milliseconds_max);
  try {
    const offset = /^slave_repl_offset:(\d+)/m.exec(String(await ask("INFO", "replication")))?.[1];
    // Without it, a replica sends whoever asks it for a key to its primary.
    await ask("READONLY");
    const told = await ask("HGET", headKey(shard), "g").catch((error: unknown) => {
      if (error instanceof ErrorReply) return error;
      throw error;
    });
    const isRefused = told instanceof ErrorReply;
    return {
      g: isRefused ? null : Number(told ?? NOTHING),
      offset: Number(offset ?? 0),
      refusal: isRefused ? told.message : "",
    };
  } catch {
    return null;
  }
}

async function answerOf(copy: ShardCopy): Promise<"yes" | "no" | "loading"> {
  try {
    await withinTime(copy.sendCommand(["PING"]), bounds.cluster_answer_milliseconds_max);
    return "yes";
  } catch (error) {
    if (!(error instanceof ErrorReply)) return "no";
    return isLoading(error.message) ? "loading" : "yes";
  }
}

function isLoading(refusal: string): boolean {
  return refusal.startsWith("LOADING");
}

/** Whether most of the primaries live, as this node sees it: a new one is elected by them. */
async function hasMajority(copy: ShardCopy): Promise<boolean> {
  const told = copy.sendCommand(["CLUSTER", "NODES"]);
  const view = parseClusterNodes(await withinTime(told, bounds.cluster_answer_milliseconds_max), "");
  const voters = view.filter(({ isPrimary, slots }) => isPrimary && slots.length > 0);
  return voters.filter(({ isSuspected }) => !isSuspected).length * 2 > voters.length;
}

function commandTo({ address }: ShardCopy): string {
  const colon = address.lastIndexOf(":");
  return `redis-cli -h ${address.slice(0, colon)} -p ${address.slice(colon + 1)}`;
}
