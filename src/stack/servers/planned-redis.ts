import type { JoinOptions } from "../nodes/join.ts";
import type { PlannedServers } from "../process-plan.ts";

export interface PlannedRedis extends PlannedServers {
  /** The same for processes of this stack, by the shortest way. */
  readonly ownUrlOf: (user: string, password: string) => string;
  /** Where it is several nodes. */
  readonly cluster?: PlannedCluster;
}

export interface PlannedCluster {
  readonly nodes: readonly PlannedNode[];
  /** How they are made one cluster once they run. */
  readonly join: JoinOptions;
}

/** A node of the stack's Redis Cluster. */
export interface PlannedNode {
  readonly name: string;
  /** As a user of it alone. */
  readonly urlOf: (user: string, password: string) => string;
}
