import type { Redis } from "../redis-client.ts";

/**
 * Where the shards are: all on one Redis, or each on the primary of its slot in a Redis Cluster. All who use Redis ask for
 * a shard's node, and need not know which of the two it is. They are opened by open-nodes.ts.
 */

/** What a command is sent with. A command is sent at once or rejected at once, and never sent again by itself. */
export type Commands = Pick<Redis, "sendCommand">;

export type SendOptions = Parameters<Redis["sendCommand"]>[1];

export interface RedisNode extends Commands {
  /** Host and port, or the path of a socket, for a person. */
  readonly address: string;
  /**
   * The same node, whose answers stand: after each command it makes sure that this node is still the primary, and that
   * `minReplicas` replicas have all that it has, on disk as well. Rejects with {@link Unconfirmed} if they do not: the
   * command may have been run, and what it has read or written may be gone after a failover. Sending it again is as safe
   * as after a lost answer.
   *
   * With `minReplicas` 0 it is the node itself, and costs nothing.
   */
  readonly confirmed: Commands;
}

/** The node of one shard, over one connection: what is sent is run in this order. */
export interface ShardNode extends RedisNode {
  /** Whether a command would be sent now. */
  readonly isReady: boolean;
  /** A number that is different for each connection; `null` while there is none. What was seen over an earlier one may have been of another Redis. */
  readonly connection: number | null;
  /** Why it is not ready, for who looks after it: it names nodes by their addresses. */
  readonly trouble: string;
  watch(watcher: NodeWatcher): void;
  /**
   * This node is not the one that it should be, or does not answer: the primary is looked for again. Calls that wait for an
   * answer are not rejected by it. Errors that say so themselves (MOVED, READONLY, CLUSTERDOWN) need no call of this. Does
   * nothing with one Redis.
   */
  search(): void;
  /**
   * So many of the replicas that may confirm have what they confirm in memory only: from now on `confirmed` waits for as
   * many more than `minReplicas`. Does nothing where none are waited for.
   */
  setUnsaved(replicas: number): void;
}

export interface NodeWatcher {
  /** It is connected: again, and perhaps to another node than before. */
  readonly onReady: () => void;
  /** The connection was lost or given up, or could not be made. It is tried again by itself. */
  readonly onLost: () => void;
}

/** A node of a shard as the cluster tells of it. */
export interface ShardCopy extends RedisNode {
  readonly isPrimary: boolean;
  /** Most of the cluster's primaries do not reach it. */
  readonly isFailing: boolean;
}

export interface RedisNodes {
  readonly isCluster: boolean;
  /** How many replicas confirm what `confirmed` answers. */
  readonly minReplicas: number;
  /** The same one for the same number, connecting from the first call on; one Redis has one for all shards. */
  shard(shard: number): ShardNode;
  /**
   * All primaries that have slots: for what is done once on each, such as FUNCTION LOAD and SCAN. Over connections of
   * their own, on which `confirmed` is for writes only: it makes no write of its own.
   *
   * Rejects if the cluster cannot be asked, or a part of the slots has no primary.
   */
  primaries(): Promise<readonly RedisNode[]>;
  /**
   * The shard's primary and its replicas, as the cluster tells of them now; one Redis is its own only copy. Over
   * connections of their own. Commands are rejected by those that cannot be reached.
   *
   * Rejects if the cluster cannot be asked.
   */
  copies(shard: number): Promise<readonly ShardCopy[]>;
  /** Calls that wait for an answer are rejected. */
  close(): void;
}

export interface RedisNodesOptions {
  /** Default: 0. */
  readonly minReplicas?: number;
  /**
   * For who sends what takes long, such as a restore. By default a primary that is silent for about a second while it is
   * asked is given up, in a cluster: it may be frozen, and replaced.
   */
  readonly isPatient?: boolean;
}

/** Why nothing can be asked just after a start, for a person. */
export const NOT_REACHED = "it has not reached Redis yet";

/** The nodes of a cluster answer, but not what they are asked: the user or the password is wrong, or they are none. */
export class RefusedByNodes extends Error {}

/** The command got its answer, or may have; but too few replicas have confirmed it, or nobody knows whether they have. */
export class Unconfirmed extends Error {}
