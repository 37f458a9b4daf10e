import { OTHER_PORTS, type OtherPort, type OtherPorts } from "./ports.ts";

/** Where a process tells what it measures. */
export interface MetricsTarget {
  /** What deploy/observe/rules.yml calls its kind. */
  readonly job: string;
  readonly process: string;
  /** host:port; the path is /metrics. */
  readonly address: string;
  /** The server that an exporter at this address is to ask, where it asks several; then the path is /scrape. */
  readonly asks?: string;
}

/** @param process api-1, writer-1, console; there are no metrics where there are no ports for them */
export function metricsSettings(process: string, ports: OtherPorts | null): Record<string, string> {
  if (ports === null) return {};
  return { METRICS_HOST: "127.0.0.1", METRICS_PORT: String(ports(metricsPort(process))) };
}

function metricsPort(name: string): OtherPort {
  const wanted = name.replace(/(?=-\d+$)|$/, "-metrics");
  const port = OTHER_PORTS.find((each) => each === wanted);
  if (port === undefined) throw new Error(`there is no port for the metrics of ${name}`);
  return port;
}

/** Of the ledger itself. */
export function metricsTargets(
  ports: OtherPorts,
  count: { readonly apis: number; readonly writers: number; readonly dispatchers: number },
): MetricsTarget[] {
  const numbered = (kind: "api" | "writer" | "dispatch", of: number): MetricsTarget[] =>
    Array.from({ length: of }, (_, index) => metricsTarget(kind, `${kind}-${index + 1}`, ports));
  return [
    { job: "haproxy", process: "haproxy", address: `127.0.0.1:${ports("haproxy-metrics")}` },
    ...numbered("api", count.apis),
    ...numbered("writer", count.writers),
    ...numbered("dispatch", count.dispatchers),
  ];
}

/** Of one process of our own. */
export function metricsTarget(
  kind: "api" | "writer" | "dispatch" | "console",
  process: string,
  ports: OtherPorts,
): MetricsTarget {
  return { job: `razonete-${kind}`, process, address: `127.0.0.1:${ports(metricsPort(process))}` };
}

/** As Prometheus reads it. */
export function targetsFile(targets: readonly MetricsTarget[]): string {
  const groups = targets.map(({ job, process, address, asks }) => ({
    targets: [address],
    labels: {
      job,
      instance: process,
      ...(asks === undefined ? {} : { __metrics_path__: "/scrape", __param_target: asks }),
    },
  }));
  return `${JSON.stringify(groups, null, 2)}\n`;
}
