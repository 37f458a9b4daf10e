import { metricsSettings, metricsTarget } from "./metrics-targets.ts";
import type { OtherPorts } from "./ports.ts";
import { httpProbe } from "./probes.ts";
import { hostsOf } from "./stack-file.ts";
import { CLIENT_ADDRESS_HEADER, type OwnCommands, RUNTIME_SETTINGS, type StackPlan } from "./stack-plan.ts";

export interface ConsoleOptions {
  readonly plan: StackPlan;
  readonly own: Pick<OwnCommands, "console">;
  readonly ports: OtherPorts;
  /** The environment of every process. */
  readonly environment: Readonly<Record<string, string>>;
  /** Additional variables for our own processes. */
  readonly ownEnvironment: Readonly<Record<string, string>>;
}

/** The stack with its console, a process that HAProxy hands nothing of the ledger's own. */
export function withConsole(options: ConsoleOptions): StackPlan {
  const { plan, own, ports, environment, ownEnvironment } = options;
  const port = ports("console");
  const address = `127.0.0.1:${port}`;
  const console = {
    name: "console",
    kind: "console",
    command: own.console,
    environment: {
      ...environment,
      ...RUNTIME_SETTINGS,
      ...ownEnvironment,
      ...metricsSettings("console", ports),
      DATABASE_URL: plan.booksUrlOf.console,
      HOST: "127.0.0.1",
      PORT: String(port),
      CLIENT_ADDRESS_HEADER,
      METRICS_TARGETS: targetsOf(plan).join(","),
    },
    probe: httpProbe(`http://${address}/livez`),
  } as const;
  const { haproxy } = plan;
  return {
    ...plan,
    haproxy: { ...haproxy, environment: { ...haproxy.environment, HAPROXY_CONSOLE: address } },
    others: [...plan.others, console],
    metrics: [...plan.metrics, metricsTarget("console", "console", ports)],
  };
}

/** In the order in which a request meets them. */
function targetsOf({ metrics, redisUrl, natsUrl, booksUrlOf }: StackPlan): string[] {
  const measured = (job: string, path = "/metrics"): string[] =>
    metrics
      .filter((target) => target.job === job)
      .map(({ process, address }) => `${process}=http://${address}${path}`);
  /** Without the passwords. */
  const each = (kind: "redis" | "nats" | "postgres", url: string): string[] => {
    const hosts = hostsOf(url).split(",");
    return hosts.map((host, index) => `${kind}${hosts.length > 1 ? `-${index + 1}` : ""}=${kind}://${host}`);
  };
  return [
    // All of its servers would be a long text.
    ...measured("haproxy", "/metrics?scope=global"),
    ...measured("razonete-api"),
    ...each("redis", redisUrl),
    ...each("nats", natsUrl),
    ...measured("razonete-writer"),
    ...measured("razonete-dispatch"),
    // Whether the books can be read it finds out itself, and a single server is no more than that.
    ...(hostsOf(booksUrlOf.console).includes(",") ? each("postgres", booksUrlOf.console) : []),
  ];
}
