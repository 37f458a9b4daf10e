import type { FaultAction, ProcessName } from "../plan/fault.ts";
import { ROLES } from "../plan/role.ts";

/** What a fault hits, for the figures. All APIs count as one target, and so do all writers. */
export const FAULT_TARGETS = [
  "haproxy",
  "api",
  "redis",
  "nats",
  "writer",
  "postgres",
  "ledger",
  ...ROLES,
  "api-redis",
  "api-nats",
  "writer-postgres",
  /** Several processes at once, even if all are APIs: then none may be left to take over. */
  "several",
] as const;
export type FaultTarget = (typeof FAULT_TARGETS)[number];

export function faultTargetOf(action: FaultAction): FaultTarget {
  switch (action.type) {
    case "kill":
    case "stop": {
      const [first, ...others] = action.processes;
      return first === undefined || others.length > 0 ? "several" : targetOfProcess(first);
    }
    case "kill-role":
    case "stop-role":
    case "folder-lost":
    case "apart":
      return action.of.role;
    case "cut":
    case "lose-replies":
    case "hold":
      return action.link;
    case "disk-full":
      return action.process;
    case "nats-truncated":
    case "nats-emptied":
      return "nats";
    case "clock":
    case "redis-power-loss":
    case "redis-cut":
    case "redis-zeroed":
    case "redis-emptied":
      return "redis";
  }
}

function targetOfProcess(name: ProcessName): FaultTarget {
  switch (name) {
    case "haproxy":
    case "redis":
    case "nats":
    case "postgres":
    case "ledger":
      return name;
    default:
      return name.startsWith("api-") ? "api" : "writer";
  }
}

/** Such as `kill redis` or `cut api-redis`; some types have the target in their name already. */
export function faultName(type: string, target: FaultTarget): string {
  return type.startsWith(`${target}-`) ? type : `${type.replace(/-role$/, "")} ${target}`;
}
