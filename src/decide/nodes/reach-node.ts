import { bounds } from "../../bounds.ts";
import type { ShardNode } from "./redis-nodes.ts";

/**
 * Waits for a connection that has just begun: commands that are sent before it is there would reject.
 *
 * @returns whether it is there by the end of the time
 */
export async function reachNode(node: ShardNode, milliseconds: number): Promise<boolean> {
  const deadline = performance.now() + milliseconds;
  while (!node.isReady && performance.now() < deadline) await Bun.sleep(bounds.node_look_milliseconds);
  return node.isReady;
}
