import { ErrorReply, type RedisArgument } from "@redis/client";
import { bounds } from "../../bounds.ts";
import { openRedisNodes } from "../../decide/nodes/open-nodes.ts";
import { reachNode } from "../../decide/nodes/reach-node.ts";
import type {
  Commands,
  RedisNode,
  RedisNodes,
  SendOptions,
  ShardNode,
} from "../../decide/nodes/redis-nodes.ts";
import { NODE_FAULT } from "../../decide/nodes/moved.ts";
import { isClusterNode } from "../../decide/redis-settings.ts";
import { StartError } from "../../errors.ts";
import { CANNOT_AUDIT, REDIS, requireReachable } from "../unreachable-server.ts";

/** Answers of a node that is not the primary of the shard, or knows that it may not be. */
const NOT_PRIMARY = /^(MOVED|READONLY|MASTERDOWN|CLUSTERDOWN) /;

/**
 * Where an audit reads the shards in Redis. In a cluster, each has to have the same primary all the time: what was read
 * from two of them fits together only where nothing was lost between them, which an audit cannot know. It writes nothing to
 * find that out.
 */
export class AuditedNodes {
  readonly #nodes: RedisNodes;
  /** In a cluster: over which connection each shard is read. */
  readonly #connections = new Map<number, number>();

  private constructor(nodes: RedisNodes) {
    this.#nodes = nodes;
  }

  /** Rejects if Redis cannot be reached. */
  static async connect(url: string): Promise<AuditedNodes> {
    const nodes = openRedisNodes(url, { isPatient: true });
    const node = nodes.shard(0);
    const isReached = await reachNode(node, bounds.audit_connect_milliseconds_max);
    const isOfCluster = isReached && !nodes.isCluster && (await isClusterNode(node).catch(() => false));
    if (isReached && !isOfCluster) return new AuditedNodes(nodes);
    nodes.close();
    if (isOfCluster) throw new StartError(`${NODE_FAULT}.`, CANNOT_AUDIT);
    throw new Error(node.trouble);
  }

  /** Commands throw StartError if the shard got another primary than before. */
  shard(shard: number): Commands {
    const node = this.#nodes.shard(shard);
    if (!this.#nodes.isCluster) return node;
    return {
      sendCommand: <T>(args: readonly RedisArgument[], options?: SendOptions) =>
        this.#send<T>(shard, node, args, options),
    };
  }

  /** See `RedisNodes.primaries`. */
  primaries(): Promise<readonly RedisNode[]> {
    return this.#nodes.primaries();
  }

  /**
   * To be called behind the last reading.
   *
   * @throws StartError if one of the shards is not where it was read
   */
  async requireSame(): Promise<void> {
    for (const shard of this.#connections.keys()) {
      // Who knows that it is not the primary any more says so; of one that does not know it, the others do.
      await requireReachable(REDIS, this.shard(shard).sendCommand(["TTL", `razonete:{${shard}}:head`]));
      const { address } = this.#nodes.shard(shard);
      const copies = await requireReachable(REDIS, this.#nodes.copies(shard));
      if (!copies.some((copy) => copy.isPrimary && copy.address === address)) throw changed(shard);
    }
  }

  close(): void {
    this.#nodes.close();
  }

  async #send<T>(
    shard: number,
    node: ShardNode,
    args: readonly RedisArgument[],
    options?: SendOptions,
  ): Promise<T> {
    const before = this.#connections.get(shard);
    if (before === undefined) await reachNode(node, bounds.audit_connect_milliseconds_max);
    const { connection } = node;
    if (connection === null && before === undefined) throw new Error(node.trouble);
    if (connection === null || (before !== undefined && before !== connection)) throw changed(shard);
    this.#connections.set(shard, connection);
    try {
      return await node.sendCommand<T>([...args], options);
    } catch (error) {
      if (error instanceof ErrorReply && NOT_PRIMARY.test(error.message)) throw changed(shard);
      throw error;
    }
  }
}

function changed(shard: number): StartError {
  return new StartError(
    `the primary of shard ${shard} was lost, or became another one, during the audit: run razonete audit again.`,
    CANNOT_AUDIT,
  );
}
