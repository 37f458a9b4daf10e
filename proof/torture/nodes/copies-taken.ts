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
      mayThawInElection(one) ||
      harmed.some((other) => other !== one && one.beganAt < other.undoneAt && other.beganAt < one.undoneAt),
  );
}

/** From the beginning of its freeze: how soon, and how late, a primary is replaced. */
const ELECTED_MILLISECONDS_MIN = 700;
const ELECTED_MILLISECONDS_MAX = 2_500;

/**
 * The hole that is known (docs/reliability.md, "Over nodes"): a primary that thaws while another one is elected may answer once
 * more, and what it answers then is lost.
 */
function mayThawInElection({ fault: { action }, beganAt, undoneAt }: FaultRecord): boolean {
  const isOfPrimary =
    action.type === "stop-role" && (action.of.role === "redis-primary" || action.of.role === "machine");
  const lasted = undoneAt - beganAt;
  return isOfPrimary && lasted >= ELECTED_MILLISECONDS_MIN && lasted <= ELECTED_MILLISECONDS_MAX;
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
