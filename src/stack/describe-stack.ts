import { hostsOf } from "./stack-file.ts";
import type { StackPlan } from "./stack-plan.ts";

/** What runs where, one line each. */
export function describeStack(plan: StackPlan): string[] {
  const { databaseUrl, natsUrl, prometheusUrl } = plan;
  const namesOf = (processes: readonly { readonly name: string }[]): string =>
    processes.map(({ name }) => name).join(", ");
  const shards = new Set(plan.redis.flatMap(({ serves }) => serves?.shards ?? [])).size;
  const hasConsole = plan.others.some(({ kind }) => kind === "console");
  const sends = namesOf(plan.others.filter(({ kind }) => kind === "dispatch"));
  return [
    `  haproxy    ${plan.url} -> ${namesOf(plan.apis)}`,
    `  redis      ${whereRedisIs(plan)}, decides${shards === 0 ? "" : `, in ${shards} shards`}`,
    `  nats       ${hostsOf(natsUrl)}, carries`,
    `  postgres   ${hostsOf(databaseUrl)}, keeps, by ${namesOf(plan.writers)}`,
    ...(sends === "" ? [] : [`  dispatch   ${sends}, sends webhooks`]),
    ...(hasConsole ? [`  console    ${plan.url}/, shows`] : []),
    ...(prometheusUrl === null ? [] : [`  prometheus ${prometheusUrl}, watches`]),
  ];
}

function whereRedisIs({ redisCluster, redisUrl }: StackPlan): string {
  if (redisCluster === undefined) return hostsOf(redisUrl);
  const { nodes, join } = redisCluster;
  const primaries = nodes.length / (1 + join.replicas);
  const what =
    join.replicas === 0 ? "" : ` with ${join.replicas} ${join.replicas === 1 ? "replica" : "replicas"} each`;
  return `redis-1 to redis-${nodes.length} (${primaries} primaries${what})`;
}
