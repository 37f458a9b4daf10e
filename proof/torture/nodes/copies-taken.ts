import type { FaultAction, FaultRecord, Hit } from "../plan/fault.ts";

/** Whether two nodes of Redis were harmed at once, or one while another was not back with all that there is. */
export function tookTwoCopies(records: readonly FaultRecord[]): boolean {
  const harmed = records
    .filter(({ skipped }) => skipped === null)
    .map((record) => ({ ...record, nodes: redisNodes(record) }))
    .filter(({ nodes }) => nodes.length > 0);
  return harmed.some(
    (one) =>
      hasTwoCopies(one) ||
      (one.hit !== undefined && mayTakeMore(one.fault.action, one.hit)) ||
      harmed.some((other) => other !== one && one.beganAt < other.undoneAt && other.beganAt < one.undoneAt),
  );
}

/** Whether it may take more than a copy of one machine, which is what it hits. */
export function mayTakeMore({ type }: FaultAction, { wereCopiesMissing, hasMostPrimaries }: Hit): boolean {
  return wereCopiesMissing === true || (type === "apart" && hasMostPrimaries === true);
}

function redisNodes({ fault: { action }, hit }: FaultRecord): readonly string[] {
  const names = hit?.processes ?? ("processes" in action ? action.processes : []);
  return names.filter((name) => name.startsWith("redis-"));
}

/** A machine has one copy of each shard; of two that are apart, one has what is answered. */
function hasTwoCopies({
  fault: { action },
  nodes,
}: FaultRecord & { readonly nodes: readonly string[] }): boolean {
  const isOneOfEach = action.type === "apart" || ("of" in action && action.of.role === "machine");
  return nodes.length > 1 && !isOneOfEach;
}
