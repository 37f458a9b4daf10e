import type { NodeLine } from "../../decide/nodes/node-lines.ts";
import { orderNode, viewOf } from "./ask-node.ts";
import type { LookedNode } from "./cluster-look.ts";

/**
 * After a failover one machine may have two primaries, and another none. Were it lost then, too few primaries might be left
 * to let replicas take over, and a person would be needed. So a replica on a machine with less takes over from one of them,
 * in order: its primary lets nobody write meanwhile, and nothing is lost.
 */

export interface PlacedLine {
  readonly line: NodeLine;
  readonly machine: string | undefined;
}

/** A planned switch takes some tenths of a second; after 5 s Redis gives it up by itself. */
const SWITCH_MILLISECONDS_MAX = 6_000;
const POLL_MILLISECONDS = 50;

/** The replica that is to take over next; null where primaries are spread over the machines as well as can be. */
export function nextPrimary(nodes: readonly PlacedLine[]): NodeLine | null {
  const counts = new Map<string | undefined, number>();
  const hasSlots = ({ line }: PlacedLine): boolean => line.isPrimary && line.slots.length > 0;
  for (const node of nodes)
    counts.set(node.machine, (counts.get(node.machine) ?? 0) + (hasSlots(node) ? 1 : 0));
  const countAt = (machine: string | undefined): number => counts.get(machine) ?? 0;
  const gains = nodes.flatMap(({ line, machine }) => {
    const primary = nodes.find((node) => node.line.id === line.primaryId && hasSlots(node));
    if (primary === undefined) return [];
    const gain = countAt(primary.machine) - countAt(machine);
    return gain < 2 ? [] : [{ line, gain }];
  });
  return gains.toSorted((a, b) => b.gain - a.gain)[0]?.line ?? null;
}

/**
 * To be asked of a cluster that is whole.
 *
 * @returns what was done, as a sentence; null where nothing is to be
 */
export async function spreadPrimaries(nodes: readonly LookedNode[]): Promise<string | null> {
  const next = nextPrimary(nodes.map(({ me, machine }) => ({ line: me, machine })));
  const node = nodes.find(({ me }) => me.id === next?.id);
  if (node === undefined) return null;
  await orderNode(node.url, "CLUSTER", "FAILOVER");
  const deadline = performance.now() + SWITCH_MILLISECONDS_MAX;
  while (performance.now() < deadline) {
    const view = await viewOf(node.url);
    if (view?.some(({ isMyself, isPrimary }) => isMyself && isPrimary) === true) break;
    await Bun.sleep(POLL_MILLISECONDS);
  }
  return `${node.name} takes over, since its machine has fewer primaries than another one.`;
}
