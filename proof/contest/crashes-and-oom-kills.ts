import { identityOf } from "../../src/stack/process-identity.ts";
import type { StackDescription } from "../../src/stack/stack-file.ts";
import { type ServiceUsage, WHOLE_SYSTEM } from "./resource-usage.ts";

/** The processes of `before` that no longer run, one sentence each. They crashed, or the kernel killed them. */
export function crashesSince(before: StackDescription, after: StackDescription): string[] {
  return before.processes.flatMap(({ name, pid }) => {
    const lives = after.processes.some((now) => now.pid === pid) && identityOf(pid) !== null;
    return lives ? [] : [`${name} ended during the load; its log is in the data folder.`];
  });
}

/**
 * The services in which the kernel killed a process for lack of memory, one sentence each. Counts since the first start
 * of the service, and also child processes that the supervisor does not know, such as a backend of PostgreSQL.
 */
export function oomKillsIn(usages: ReadonlyMap<string, ServiceUsage>): string[] {
  return [...usages].flatMap(([name, { oomKills }]) => {
    // Version 2 counts the OOM kills of the services for the whole system as well.
    if (name === WHOLE_SYSTEM || oomKills === 0) return [];
    const times = oomKills === 1 ? "once" : `${oomKills} times`;
    return [
      `the kernel ended a process of ${name} ${times}, for it needed more memory than the limit allows.`,
    ];
  });
}
