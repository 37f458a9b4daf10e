import type { Harm, ProcessName } from "../plan/fault.ts";

/** What a harm is done to, as the figures tell it apart: whichever API it was, whichever writer. */
export const TARGETS = [
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
export type Target = (typeof TARGETS)[number];

export function targetOf(harm: Harm): Target {
  switch (harm.type) {
    case "kill":
    case "stop": {
      const [first, ...others] = harm.processes;
      return first === undefined || others.length > 0 ? "several" : targetOfProcess(first);
    }
    case "cut":
    case "lose-replies":
    case "hold":
      return harm.link;
    case "disk-full":
      return harm.process;
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

function targetOfProcess(name: ProcessName): Target {
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
export function harmName(type: string, target: Target): string {
  return type.startsWith(`${target}-`) ? type : `${type} ${target}`;
}
