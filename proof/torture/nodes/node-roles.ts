import { slotOf } from "../../../src/decide/nodes/cluster-map.ts";
import { type NodeLine, ownerOf } from "../../../src/decide/nodes/node-lines.ts";
import { viewOf } from "../../../src/stack/nodes/ask-node.ts";
import { shardsIn } from "../../../src/stack/nodes/slots.ts";
import type { PlannedCluster } from "../../../src/stack/servers/planned-redis.ts";
import type { StackPlan } from "../../../src/stack/stack-plan.ts";
import { readPrimary } from "../../../src/stack/standby/primary-file.ts";
import type { Hit, ProcessName } from "../plan/fault.ts";
import type { RoleOfShard } from "../plan/role.ts";
import { streamServers } from "./nats-stream.ts";

/** Tells which of several servers of a kind has which role now. */
export class NodeRoles {
  readonly #plan: StackPlan;
  readonly #cluster: PlannedCluster;
  /** Where the stack keeps its data. */
  readonly #folder: string;

  constructor(plan: StackPlan, cluster: PlannedCluster, folder: string) {
    this.#plan = plan;
    this.#cluster = cluster;
    this.#folder = folder;
  }

  /** @throws Error if nobody has the role, or it cannot be seen who has it */
  async holderOf({ role, shard }: RoleOfShard): Promise<Hit> {
    switch (role) {
      case "nats-leader":
        return { processes: [await this.#natsLeader()], shards: null };
      case "postgres-primary":
      case "postgres-standby": {
        const isSecond = readPrimary(this.#folder) === "postgres-2";
        const isFirstWanted = isSecond === (role === "postgres-standby");
        return { processes: [isFirstWanted ? "postgres-1" : "postgres-2"], shards: null };
      }
      case "redis-primary":
      case "redis-replica":
      case "redis-replicas":
      case "redis-primary-and-replica":
      case "machine": {
        const view = await this.#view();
        const primary = ownerOf(slotOf(shard), [view]);
        if (primary === undefined) throw new Error(`shard ${shard} has no primary`);
        const replicas = view.filter(({ primaryId }) => primaryId === primary.id);
        const [replica] = replicas;
        if (replica === undefined) throw new Error(`shard ${shard} has no replica`);
        if (role === "machine") return this.#machineOf(primary, view);
        const nodes = {
          "redis-primary": [primary],
          "redis-replica": [replica],
          "redis-replicas": replicas,
          "redis-primary-and-replica": [primary, replica],
        }[role];
        const shards = shardsIn(primary.slots, this.#cluster.join.shards);
        const hasMostPrimaries = nodes.some((node) => hasMost(this.#ofMachine(node, view), view));
        return { processes: nodes.map((node) => this.#nameOf(node)), shards, hasMostPrimaries };
      }
    }
  }

  #machineOf(primary: NodeLine, view: readonly NodeLine[]): Hit {
    const { join } = this.#cluster;
    const all = this.#ofMachine(primary, view);
    const number = Number(join.places[this.#placeOf(primary)]?.machine?.replace("machine ", ""));
    return {
      processes: [...all.map((node) => this.#nameOf(node)), `nats-${number}`],
      shards: all.filter(isOwner).flatMap(({ slots }) => shardsIn(slots, join.shards)),
      hasMostPrimaries: hasMost(all, view),
    };
  }

  /** All nodes on the machine of this one. */
  #ofMachine(node: NodeLine, view: readonly NodeLine[]): readonly NodeLine[] {
    const { places } = this.#cluster.join;
    const machine = places[this.#placeOf(node)]?.machine;
    return view.filter((other) => places[this.#placeOf(other)]?.machine === machine);
  }

  /** Of the first node that knows of a primary of each shard, or else of any that answers. */
  async #view(): Promise<readonly NodeLine[]> {
    const views = await Promise.all(this.#cluster.join.places.map(({ url }) => viewOf(url)));
    const found = views.filter((view) => view !== null).toSorted((a, b) => epochOf(b) - epochOf(a));
    if (found[0] === undefined) throw new Error("no node of Redis answers");
    // Those of an earlier life of a node have no address, or are no more than a name.
    return found[0].filter((node) => node.address !== null && this.#placeOf(node) >= 0);
  }

  #placeOf({ address }: NodeLine): number {
    return this.#cluster.join.places.findIndex(({ url }) => new URL(url).host === address);
  }

  #nameOf(node: NodeLine): ProcessName {
    return `redis-${this.#placeOf(node) + 1}`;
  }

  async #natsLeader(): Promise<ProcessName> {
    const { leader } = await streamServers(this.#plan.natsUrl);
    return `nats-${Number(leader.replace("nats-", ""))}`;
  }
}

function epochOf(view: readonly NodeLine[]): number {
  return Math.max(...view.map(({ epoch }) => epoch));
}

function hasMost(nodes: readonly NodeLine[], view: readonly NodeLine[]): boolean {
  return nodes.filter(isOwner).length * 2 > view.filter(isOwner).length;
}

function isOwner({ isPrimary, slots }: NodeLine): boolean {
  return isPrimary && slots.length > 0;
}
