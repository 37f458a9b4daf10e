import type { FaultKind } from "./fault.ts";

export interface RoundOptions {
  /** From 1. */
  readonly round: number;
  /** How long the round's load lasts. */
  readonly milliseconds: number;
  readonly kinds: readonly FaultKind[];
  readonly embedded: boolean;
  readonly apis: number;
  readonly writers: number;
  readonly shards: number;
  /** With any, there are several servers of each kind: see plan-nodes-round.ts. */
  readonly replicas: number;
  /** Number of the round's first fault; 1 if not given. */
  readonly firstNumber?: number;
}
