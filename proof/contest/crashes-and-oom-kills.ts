import { identityOf } from "../../src/stack/process-identity.ts";
import type { StackDescription } from "../../src/stack/stack-file.ts";
import { type ServiceUsage, WHOLE_SYSTEM } from "./resource-usage.ts";

/** The processes that are no longer those of before, in words: nobody but themselves or the kernel has ended them. */
export function crashesSince(before: StackDescription, after: StackDescription): string[] {
  return before.processes.flatMap(({ name, pid }) => {
    const lives = after.processes.some((now) => now.pid === pid) && identityOf(pid) !== null;
    return lives ? [] : [`${name} ended during the load; its log is in the data folder.`];
  });
}

/**
 * The services of which the kernel has ended a process for want of memory, in words: since they were first started, and
 * also a process below the one that the supervisor knows, such as a backend of PostgreSQL.
 */
export function oomKillsIn(usages: ReadonlyMap<string, ServiceUsage>): string[] {
  return [...usages].flatMap(([name, { oomKills }]) => {
    // Version 2 counts those of the services in the whole, too.
    if (name === WHOLE_SYSTEM || oomKills === 0) return [];
    const times = oomKills === 1 ? "once" : `${oomKills} times`;
    return [
      `the kernel ended a process of ${name} ${times}, for it needed more memory than the limit allows.`,
    ];
  });
}
