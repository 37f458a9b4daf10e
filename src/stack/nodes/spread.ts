import { infoField } from "../../decide/redis-settings.ts";
import { askNode, orderNode, reasonOf } from "./ask-node.ts";
import { lookAtCluster, type LookedNode, type NodePlace } from "./cluster-look.ts";

/**
 * After the loss of a machine another one has its primaries, too, and keeps them when it is back. But with the loss of that
 * one more than one vote would be lost, and the others could be too few to agree on who takes over: then nothing decides
 * until a person says who does. So on a cluster that is whole a replica on a machine with fewer primaries takes over one,
 * in the planned way: the primary stops, and its replica begins once it has all. That takes some 0.1 s.
 *
 * @returns what it has begun, or why it cannot yet, as a sentence; null where the primaries are spread as far as their
 *   replicas allow
 */
export async function spreadStep(places: readonly NodePlace[]): Promise<string | null> {
  const { nodes } = await lookAtCluster(places);
  for (const { machine, replica } of moves(nodes)) {
    try {
      const [info] = await askNode(replica.url, ["INFO", "replication"]);
      if (infoField(info, "master_link_status") !== "up") continue;
      await orderNode(replica.url, "CLUSTER", "FAILOVER");
      return `${machine} has more primaries than others: ${replica.name} takes over one of them.`;
    } catch (error) {
      return `${replica.name} does not take over from a primary on ${machine} yet (${reasonOf(error)}).`;
    }
  }
  return null;
}

/** Replicas whose becoming a primary would make machines more alike, best first. */
function moves(nodes: readonly LookedNode[]): { readonly machine: string; readonly replica: LookedNode }[] {
  const isPrimary = ({ me }: LookedNode): boolean => me.isPrimary && me.slots.length > 0;
  const primaries = Map.groupBy(nodes.filter(isPrimary), ({ machine }) => machine);
  const count = (machine: string): number => primaries.get(machine)?.length ?? 0;
  return [...primaries]
    .toSorted(([, one], [, other]) => other.length - one.length)
    .flatMap(([machine, owned]) =>
      nodes
        .filter(
          (node) =>
            owned.some(({ me }) => me.id === node.me.primaryId) && count(node.machine) + 1 < count(machine),
        )
        .map((replica) => ({ machine, replica })),
    )
    .toSorted((one, other) => count(one.replica.machine) - count(other.replica.machine));
}
