import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { DataFolder } from "./data-folder.ts";
import { type MetricsTarget, targetsFile } from "./metrics-targets.ts";
import type { OtherPorts } from "./ports.ts";
import { httpProbe } from "./probes.ts";
import type { ObserverName, ProgramPaths } from "./server-programs.ts";
import { DEPLOY, type ProcessPlan } from "./process-plan.ts";
import { hostsOf } from "./stack-file.ts";
import { eachHost } from "../tls/server-trust.ts";
import type { StackPlan } from "./stack-plan.ts";

export interface ObserverOptions {
  readonly plan: StackPlan;
  readonly programs: ProgramPaths<ObserverName>;
  readonly folder: DataFolder;
  readonly ports: OtherPorts;
  readonly environment: Readonly<Record<string, string>>;
}

/** Prometheus, and what tells it of Redis and PostgreSQL. HAProxy tells of itself, and our writers of NATS. */
export function planObservers(options: ObserverOptions): readonly ProcessPlan[] {
  const { plan, programs, folder, ports, environment } = options;
  const at = (port: number): string => `127.0.0.1:${port}`;
  const observed = observedFolder(folder);
  const observer = (name: string, port: number, command: readonly string[], own: Record<string, string>) => ({
    name,
    kind: "observer" as const,
    command,
    environment: { ...environment, ...own },
    probe: httpProbe(`http://${at(port)}/metrics`),
  });
  // Of several nodes, Prometheus names the one that is asked.
  const [redis] = eachHost(plan.observerUrls.redis);
  const [redisPort, postgresPort, port] = [
    ports("redis-exporter"),
    ports("postgres-exporter"),
    ports("prometheus"),
  ];
  return [
    observer(
      "redis-exporter",
      redisPort,
      [
        programs.redisExporter,
        `-web.listen-address=${at(redisPort)}`,
        "-set-client-name=false",
        "-connection-timeout=2s",
      ],
      {
        REDIS_ADDR: `redis://${redis?.host}`,
        REDIS_USER: redis?.username ?? "",
        REDIS_PASSWORD: redis?.password ?? "",
      },
    ),
    observer(
      "postgres-exporter",
      postgresPort,
      [programs.postgresExporter, `--web.listen-address=${at(postgresPort)}`, "--log.level=warn"],
      { DATA_SOURCE_NAME: plan.observerUrls.postgres },
    ),
    observer(
      "prometheus",
      port,
      [
        programs.prometheus,
        `--config.file=${join(observed, "prometheus.yml")}`,
        `--storage.tsdb.path=${join(observed, "data")}`,
        `--web.listen-address=${at(port)}`,
        "--log.level=warn",
      ],
      {},
    ),
  ];
}

/** All that Prometheus asks. */
export function targetsOf(
  plan: Pick<StackPlan, "metrics" | "redisCluster">,
  ports: OtherPorts,
): readonly MetricsTarget[] {
  const exporter = { job: "redis", address: `127.0.0.1:${ports("redis-exporter")}` };
  const redis = plan.redisCluster?.nodes.map(({ name, urlOf }) => ({
    ...exporter,
    process: name,
    asks: `redis://${hostsOf(urlOf("", ""))}`,
  }));
  return [
    ...plan.metrics,
    ...(redis ?? [{ ...exporter, process: "redis" }]),
    { job: "postgres", process: "postgres", address: `127.0.0.1:${ports("postgres-exporter")}` },
  ];
}

/**
 * Puts Prometheus's configuration and rules into the data folder, beside the list of what it has to ask: paths in it are
 * relative to it.
 */
export function writeObserved(folder: Pick<DataFolder, "path">, targets: readonly MetricsTarget[]): void {
  const observed = observedFolder(folder);
  mkdirSync(observed, { recursive: true });
  for (const file of ["prometheus.yml", "rules.yml"])
    cpSync(join(DEPLOY, "observe", file), join(observed, file));
  writeFileSync(join(observed, "targets.json"), targetsFile(targets));
}

function observedFolder({ path }: Pick<DataFolder, "path">): string {
  return join(path, "observe");
}
