import { messageOf, StartError } from "../../../src/errors.ts";
import { viewOf, orderNode } from "../../../src/stack/nodes/ask-node.ts";
import { joinNodes, joinStep } from "../../../src/stack/nodes/join.ts";
import { RedisWatch } from "../../../src/stack/nodes/watch.ts";
import type { PlannedCluster } from "../../../src/stack/servers/planned-redis.ts";
import { stackBounds } from "../../../src/stack/stack-bounds.ts";
import { askNode } from "../../../src/stack/standby/ask-node.ts";
import type { PairPlan } from "../../../src/stack/standby/pair-plan.ts";
import { PostgresPair } from "../../../src/stack/standby/postgres-pair.ts";
import { readPrimary } from "../../../src/stack/standby/primary-file.ts";
import type { FaultedProcess } from "../faults/faulted-process.ts";
import { streamServers } from "./nats-stream.ts";

export interface SupervisedNodes {
  readonly redis: PlannedCluster;
  readonly postgres: PairPlan;
  readonly natsUrl: string;
}

/**
 * What the stack's supervisor does for several servers of a kind, by the parts that it does it with: it makes one cluster of
 * the nodes of Redis and joins those that come back without their folder, and it promotes and copies PostgreSQL.
 */
export class NodeSupervision {
  readonly #nodes: SupervisedNodes;
  readonly #watch: RedisWatch;
  readonly #pair: PostgresPair;
  readonly #stopping = new AbortController();

  /**
   * @param processes of PostgreSQL, in the order of the plan
   * @param onLine takes what it says to a person
   */
  constructor(nodes: SupervisedNodes, processes: readonly FaultedProcess[], onLine: (line: string) => void) {
    this.#nodes = nodes;
    const pair = new PostgresPair(nodes.postgres, processes, onLine);
    this.#pair = pair;
    this.#watch = new RedisWatch(
      nodes.redis.join,
      onLine,
      () => {},
      () => pair.isWhole,
    );
  }

  startPostgres(): Promise<void> {
    return this.#pair.start(this.#stopping.signal);
  }

  /** @throws StartError if the running nodes do not become one cluster */
  async joinRedis(): Promise<void> {
    const missing = await joinNodes(
      this.#nodes.redis.join,
      stackBounds.start_milliseconds_max,
      this.#stopping.signal,
    );
    if (missing !== null) throw new StartError(`the nodes of Redis do not become one cluster: ${missing}`);
    this.#watch.start();
  }

  /** Whether any node of Redis is away, or does not have yet what its primary has. */
  async areCopiesMissing(): Promise<boolean> {
    return (await joinStep(this.#nodes.redis.join).catch(messageOf)) !== null;
  }

  /** What copies are missing or behind: while there are any, the next fault may be one too many. */
  async missing(): Promise<string[]> {
    const redis = await joinStep(this.#nodes.redis.join).catch(messageOf);
    const { nodes, tools } = this.#nodes.postgres;
    const [first, second] = readPrimary(tools.path) === nodes[1].name ? nodes.toReversed() : nodes;
    const primary = first === undefined || second === undefined ? null : await askNode(first, second);
    const isFollowed = primary?.role === "primary" && primary.isFollowed;
    const nats = await streamServers(this.#nodes.natsUrl).then(
      ({ isWhole }) => (isWhole ? [] : ["NATS's stream is not on all of its servers"]),
      (error: unknown) => [`NATS's stream: ${messageOf(error)}`],
    );
    return [
      ...(redis === null ? [] : [redis]),
      ...(isFollowed ? [] : ["PostgreSQL has no standby"]),
      ...nats,
    ];
  }

  /**
   * Makes those the primaries again that were them at first, as a person does after an incident: so the loss of a machine is
   * that of one primary. Call it when nothing is missing.
   */
  async switchBack(): Promise<void> {
    const { places, replicas } = this.#nodes.redis.join;
    for (const { url } of places.slice(0, places.length / (1 + replicas))) {
      const me = (await viewOf(url))?.find(({ isMyself }) => isMyself);
      if (me?.isPrimary === false) await orderNode(url, "CLUSTER", "FAILOVER").catch(() => {});
    }
  }

  /** From now on it starts nothing. */
  async close(): Promise<void> {
    this.#stopping.abort();
    await Promise.all([this.#watch.stop(), this.#pair.close()]);
  }
}
