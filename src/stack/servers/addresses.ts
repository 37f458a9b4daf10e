import { hostsOf } from "../stack-file.ts";
import type { ProcessPlan } from "../process-plan.ts";
import type { StackPlan } from "../stack-plan.ts";

type Planned = Pick<StackPlan, "redis" | "nats" | "postgres" | "redisUrl" | "natsUrl" | "databaseUrl">;

/** Where a stack's Redis, NATS and PostgreSQL listen, as host:port, by their names. */
export function serverAddresses(plan: Planned): ReadonlyMap<string, string> {
  const listed = (processes: readonly ProcessPlan[], url: string): [string, string][] => {
    // A URL of several servers has them in the same order.
    const hosts = hostsOf(url).split(",");
    return processes.flatMap(({ name }, place) => {
      const host = hosts[place];
      return host === undefined ? [] : [[name, host]];
    });
  };
  return new Map([
    ...listed(plan.redis, plan.redisUrl),
    ...listed(plan.nats, plan.natsUrl),
    ...listed(plan.postgres, plan.databaseUrl),
  ]);
}

/** Where a process of a stack is reached: host:port, or the path of its socket; undefined for one that nobody calls. */
export function addressOf(
  { name, kind, socket, environment }: ProcessPlan,
  plan: Planned & Pick<StackPlan, "url">,
): string | undefined {
  if (kind === "haproxy") return hostsOf(plan.url);
  const server = serverAddresses(plan).get(name);
  if (server !== undefined || (kind !== "api" && kind !== "console")) return server;
  return socket ?? `${environment["HOST"]}:${environment["PORT"]}`;
}

/** A sentence in which each of these addresses has its name: redis-3 (127.0.0.1:24954). */
export function withNames(line: string, addresses: ReadonlyMap<string, string>): string {
  let named = line;
  for (const [name, address] of addresses) {
    // Not in a URL, nor where it stands with its name already, nor as the beginning of a longer number.
    const alone = new RegExp(`(?<![\\w.@/]|${RegExp.escape(name)} \\()${RegExp.escape(address)}(?!\\d)`, "g");
    named = named.replace(alone, `${name} (${address})`);
  }
  return named;
}
