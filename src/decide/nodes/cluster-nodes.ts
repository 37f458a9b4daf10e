import { ErrorReply } from "@redis/client";
import { bounds } from "../../bounds.ts";
import { messageOf } from "../../errors.ts";
import { bareAddress, urlOfNode } from "../../redis-address.ts";
import { bareHost } from "../../tls/server-trust.ts";
import { connectRedis, type Redis } from "../redis-client.ts";
import {
  type ClusterNode,
  type ClusterView,
  parseClusterNodes,
  type Place,
  placeOf,
  primariesOf,
  slotOf,
} from "./cluster-map.ts";
import { ClusterShardNode, type FoundPrimary } from "./cluster-shard-node.ts";
import { withCopies } from "./confirm.ts";
import {
  NOT_REACHED,
  RefusedByNodes,
  type RedisNode,
  type RedisNodes,
  type RedisNodesOptions,
  type ShardCopy,
  type ShardNode,
} from "./redis-nodes.ts";

/**
 * The nodes of a Redis Cluster. It has a connection of its own to each node that it knows, over which the nodes are asked
 * who they take for the primary of which slot, and for their settings; no shard's calls wait behind these questions.
 *
 * One node alone may be wrong, as it was frozen or cut off. So all are asked; once more than a half has answered, the
 * others are not waited for.
 */
export class ClusterNodes implements RedisNodes {
  readonly isCluster = true;
  readonly minReplicas: number;
  readonly #options: RedisNodesOptions;
  /** The URL of a node that was named, whose user and CAs are those of all. */
  readonly #pattern: string;
  /** By URL. */
  readonly #peers = new Map<string, Peer>();
  readonly #named: ReadonlySet<string>;
  readonly #shards = new Map<number, ClusterShardNode>();
  #look: Promise<readonly ClusterView[]> | null = null;
  #closed = false;

  /** @param urls of the nodes that are named; the others are found by these */
  constructor(urls: readonly string[], options: RedisNodesOptions) {
    this.minReplicas = options.minReplicas ?? 0;
    this.#options = options;
    this.#pattern = urls[0] ?? "";
    this.#named = new Set(urls);
    for (const url of urls) this.#peer(url);
  }

  shard(shard: number): ShardNode {
    let node = this.#shards.get(shard);
    if (node === undefined) {
      node = new ClusterShardNode(shard, { ...this.#options, findPrimary: () => this.#findPrimary(shard) });
      this.#shards.set(shard, node);
      if (this.#closed) node.close();
    }
    return node;
  }

  async primaries(): Promise<readonly RedisNode[]> {
    const primaries = primariesOf(await this.#views());
    if (primaries === null)
      throw new Error("a part of the Redis Cluster's slots has no primary: assign them, or bring it back");
    return primaries.map((node) => this.#copy(node));
  }

  async copies(shard: number): Promise<readonly ShardCopy[]> {
    const place = await this.#place(shard);
    return place === null ? [] : [place.primary, ...place.replicas].map((node) => this.#copy(node));
  }

  close(): void {
    this.#closed = true;
    for (const node of this.#shards.values()) node.close();
    for (const { close } of this.#peers.values()) close();
    this.#peers.clear();
  }

  async #findPrimary(shard: number): Promise<FoundPrimary | null> {
    const place = await this.#place(shard);
    if (place === null) return null;
    const failing = place.replicas.filter(({ isFailing }) => isFailing).length;
    return { url: this.#urlOf(place.primary), replicas: place.replicas.length - failing, failing };
  }

  async #place(shard: number): Promise<Place | null> {
    return placeOf(slotOf(shard), await this.#views());
  }

  /** Who asks while an answer is on its way gets that one. Rejects if no node answers. */
  #views(): Promise<readonly ClusterView[]> {
    this.#look ??= this.#askAll().finally(() => {
      this.#look = null;
    });
    return this.#look;
  }

  async #askAll(): Promise<readonly ClusterView[]> {
    const views = await answersOfMost(
      [...this.#peers.values()].filter(({ client }) => client.isReady).map((peer) => peer.ask()),
    );
    if (views.length === 0) throw whyNone([...this.#peers.values()]);
    const urls = new Set(views.flat().map((node) => this.#urlOf(node)));
    for (const url of urls) this.#peer(url);
    // Those that were named stay, as they may be the only ones that will be found again.
    for (const [url, { close }] of this.#peers) {
      if (urls.has(url) || this.#named.has(url)) continue;
      close();
      this.#peers.delete(url);
    }
    return views;
  }

  #urlOf({ host, port }: ClusterNode): string {
    return urlOfNode(this.#pattern, host, port);
  }

  #copy(node: ClusterNode): ShardCopy {
    const { client, address } = this.#peer(this.#urlOf(node));
    const { minReplicas } = this;
    return {
      address,
      isPrimary: node.isPrimary,
      isFailing: node.isFailing,
      sendCommand: client.sendCommand.bind(client),
      confirmed: {
        sendCommand: (args, options) =>
          withCopies(minReplicas, () => client.sendCommand(args, options), client),
      },
    };
  }

  #peer(url: string): Peer {
    const known = this.#peers.get(url);
    if (known !== undefined) return known;
    const peer = newPeer(url);
    if (this.#closed) peer.close();
    else this.#peers.set(url, peer);
    return peer;
  }
}

/** A connection to a node, beside those of the shards. */
interface Peer {
  readonly address: string;
  readonly client: Redis;
  /** What the node takes the cluster for. A node that has not answered yet is not asked again. */
  readonly ask: () => Promise<ClusterView>;
  /** Why it did not answer last: the connection was refused or lost, or the question was; null if that never was. */
  readonly failure: () => unknown;
  readonly close: () => void;
}

function newPeer(url: string): Peer {
  let failure: unknown = null;
  const client = connectRedis(url, (error) => {
    failure = error;
  });
  const { hostname } = new URL(url);
  let isClosed = false;
  let asking: Promise<ClusterView> | null = null;
  client.on("connect", () => {
    if (isClosed) client.destroy();
  });
  // It keeps trying by itself.
  client.connect().catch(() => {});
  return {
    address: bareAddress(url),
    client,
    ask: () => {
      asking ??= client
        .sendCommand(["CLUSTER", "NODES"])
        .then((reply) => parseClusterNodes(reply, bareHost(hostname)))
        .catch((error: unknown) => {
          failure = error;
          throw error;
        })
        .finally(() => {
          asking = null;
        });
      return asking;
    },
    failure: () => failure,
    close: () => {
      isClosed = true;
      client.destroy();
    },
  };
}

/** What does not mend itself, unlike a node that reads its log. */
const REFUSED = /^(WRONGPASS|NOAUTH|NOPERM) |cluster support disabled/;

/** Why no node has answered: what one of them said, as that is mostly the same for all. */
function whyNone(peers: readonly Peer[]): Error {
  const failures = peers.flatMap(({ address, failure }) => {
    const error = failure();
    return error === null ? [] : [{ error, told: `${address}: ${messageOf(error)}` }];
  });
  const refused = failures.find(({ error }) => error instanceof ErrorReply && REFUSED.test(error.message));
  if (refused !== undefined)
    return new RefusedByNodes(`the Redis Cluster refuses what it is asked (${refused.told})`);
  const [first] = failures;
  return new Error(
    first === undefined ? NOT_REACHED : `no node of the Redis Cluster answers (${first.told})`,
  );
}

/** What has been answered once more than a half have, or all have, or the time is over. */
async function answersOfMost<T>(asked: readonly Promise<T>[]): Promise<readonly T[]> {
  const answers: T[] = [];
  if (asked.length === 0) return answers;
  const enough = Promise.withResolvers<void>();
  const timer = setTimeout(enough.resolve, bounds.cluster_answer_milliseconds_max);
  let left = asked.length;
  const settled = (): void => {
    left -= 1;
    if (left === 0 || answers.length * 2 > asked.length) enough.resolve();
  };
  for (const one of asked)
    one.then(
      (answer) => {
        answers.push(answer);
        settled();
      },
      () => settled(),
    );
  await enough.promise;
  clearTimeout(timer);
  return [...answers];
}
