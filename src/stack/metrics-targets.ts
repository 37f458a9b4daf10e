import { OTHER_PORTS, type OtherPort, type OtherPorts } from "./ports.ts";

/** Where a process tells what it measures. */
export interface MetricsTarget {
  /** What deploy/observe/rules.yml calls its kind. */
  readonly job: string;
  readonly process: string;
  /** host:port; the path is /metrics. */
  readonly address: string;
}

/** @param process api-1, writer-1; there are no metrics where there are no ports for them */
export function metricsSettings(process: string, ports: OtherPorts | null): Record<string, string> {
  if (ports === null) return {};
  return { METRICS_HOST: "127.0.0.1", METRICS_PORT: String(ports(metricsPort(process))) };
}

function metricsPort(name: string): OtherPort {
  const wanted = name.replace("-", "-metrics-");
  const port = OTHER_PORTS.find((each) => each === wanted);
  if (port === undefined) throw new Error(`there is no port for the metrics of ${name}`);
  return port;
}

/** Of the ledger itself. */
export function metricsTargets(ports: OtherPorts, apis: number, writers: number): MetricsTarget[] {
  const at = (port: OtherPort): string => `127.0.0.1:${ports(port)}`;
  const numbered = (kind: "api" | "writer", count: number): MetricsTarget[] =>
    Array.from({ length: count }, (_, index) => {
      const name = `${kind}-${index + 1}`;
      return { job: `razonete-${kind}`, process: name, address: at(metricsPort(name)) };
    });
  return [
    { job: "haproxy", process: "haproxy", address: at("haproxy-metrics") },
    ...numbered("api", apis),
    ...numbered("writer", writers),
  ];
}

/** As Prometheus reads it. */
export function targetsFile(targets: readonly MetricsTarget[]): string {
  const groups = targets.map(({ job, process, address }) => ({
    targets: [address],
    labels: { job, instance: process },
  }));
  return `${JSON.stringify(groups, null, 2)}\n`;
}
