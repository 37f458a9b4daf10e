import type { Fault, FaultAction } from "../plan/fault.ts";
import type { RoleOfShard } from "../plan/role.ts";
import type { Attempt } from "../clients/history.ts";

/** Faults and attempts as text, for people. */

/** What is done to what, as a part of a sentence. */
export function faultActionText(action: FaultAction): string {
  switch (action.type) {
    case "kill":
      return `kill ${action.processes.join(", ")}${againText(action.againAfterMilliseconds)}`;
    case "stop":
      return `freeze ${action.processes.join(", ")}`;
    case "kill-role":
      return `kill ${roleText(action.of)}${againText(action.againAfterMilliseconds)}`;
    case "stop-role":
      return `freeze ${roleText(action.of)}`;
    case "apart":
      return action.of.role === "machine"
        ? `cut the ${roleText(action.of)} off the other nodes`
        : `cut between ${roleText(action.of)}`;
    case "folder-lost":
      return `kill ${roleText(action.of)}, and empty its folder`;
    case "cut":
      return `cut ${action.link} every ${action.everyMilliseconds} ms`;
    case "lose-replies":
      return `lose replies of ${action.link} every ${action.everyBytes} bytes`;
    case "hold":
      return `hold ${action.link}`;
    case "clock":
      return `set Redis's clock ${Math.abs(action.seconds)} s ${action.seconds < 0 ? "back" : "ahead"}`;
    case "disk-full":
      return `fill the disk of ${action.process}`;
    case "nats-truncated":
      return "truncate NATS's stream";
    case "nats-emptied":
      return "empty NATS's folder";
    case "redis-power-loss":
      return `kill Redis, and leave of its log what was synced, and ${action.tornBytes} bytes of a torn write`;
    case "redis-cut":
      return `cut ${action.bytes} bytes off Redis's log`;
    case "redis-zeroed":
      return `zero the last ${action.bytes} bytes of Redis's log`;
    case "redis-emptied":
      return "empty Redis's folder";
  }
}

function againText(milliseconds: number | null): string {
  return milliseconds === null ? "" : `, and again after ${milliseconds} ms`;
}

function roleText({ role, shard }: RoleOfShard): string {
  return /^redis|machine/.test(role) ? `${role} of shard ${shard}` : role;
}

export function faultText({ number, action, lastsMilliseconds }: Fault): string {
  return `#${number} ${faultActionText(action)}, for ${(lastsMilliseconds / 1000).toFixed(1)} s`;
}

/** @param origin the start of the run, by performance.now() */
export function attemptText(
  { number, operation, key, sentAt, endedAt, answer }: Attempt,
  origin: number,
): string {
  const from = ((sentAt - origin) / 1000).toFixed(3);
  const to = ((endedAt - origin) / 1000).toFixed(3);
  const keyed = key === null ? "without a key" : `with the key ${key}`;
  return `attempt ${number}, ${from} s to ${to} s: ${JSON.stringify(operation)}, ${keyed}: ${JSON.stringify(answer)}`;
}
