import type { FaultAction, ProcessName } from "../plan/fault.ts";

/** What a harm is done to, as the figures tell it apart: whichever API it was, whichever writer. */
export const FAULT_TARGETS = [
  "haproxy",
  "api",
  "redis",
  "nats",
  "writer",
  "postgres",
  "ledger",
  "api-redis",
  "api-nats",
  "writer-postgres",
  /** Processes at once, be it all APIs: nobody is left then who could take their part. */
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

/** Such as `kill redis` or `cut api-redis`; some harms bear what they are done to in their own name. */
export function faultName(type: string, target: FaultTarget): string {
  return type.startsWith(`${target}-`) ? type : `${type} ${target}`;
}
