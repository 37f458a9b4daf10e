import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { credentialsOf } from "../../../src/stack/credentials.ts";
import { type MetricsTarget, targetsFile } from "../../../src/stack/metrics-targets.ts";
import { DEPLOY } from "../../../src/stack/process-plan.ts";
import { Cluster, type ClusterOptions } from "../../support/cluster.ts";
import { eventually } from "../../support/eventually.ts";
import { ServerProcess } from "../../support/servers/server-process.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { observerPath } from "./observer-programs.ts";
import { AlertWatch, asInTests, LOOK_SECONDS_IN_TESTS } from "./alerts.ts";

/** A cluster, the exporters beside it, and a real Prometheus with the real rules, whose waits are shorter. */
export class ObservedCluster implements AsyncDisposable {
  readonly cluster: Cluster;
  readonly alerts: AlertWatch;
  readonly #observers: readonly ServerProcess[];
  readonly prometheusUrl: string;

  private constructor(cluster: Cluster, observers: readonly ServerProcess[], prometheusUrl: string) {
    this.cluster = cluster;
    this.#observers = observers;
    this.prometheusUrl = prometheusUrl;
    this.alerts = new AlertWatch(prometheusUrl);
  }

  static async start(options: ClusterOptions): Promise<ObservedCluster> {
    const cluster = await Cluster.start({ ...options, observed: true });
    const observers: ServerProcess[] = [];
    try {
      const redis = await startExporter("redis-exporter", (port) => [
        `REDIS_ADDR=${cluster.redis.url}`,
        "REDIS_USER=observer",
        `REDIS_PASSWORD=${credentialsOf("of the tests").observer}`,
        observerPath("redisExporter"),
        `-web.listen-address=127.0.0.1:${port}`,
        "-set-client-name=false",
        "-connection-timeout=1s",
      ]);
      observers.push(redis);
      const postgres = await startExporter("postgres-exporter", (port) => [
        `DATA_SOURCE_NAME=${cluster.postgres.url}?sslmode=disable`,
        observerPath("postgresExporter"),
        `--web.listen-address=127.0.0.1:${port}`,
        "--log.level=error",
      ]);
      observers.push(postgres);
      const at = (server: ServerProcess): string => `127.0.0.1:${server.port}`;
      const prometheus = await startPrometheus([
        ...cluster.metrics,
        { job: "redis", process: "redis", address: at(redis) },
        { job: "postgres", process: "postgres", address: at(postgres) },
      ]);
      observers.push(prometheus);
      const observed = new ObservedCluster(cluster, observers, `http://${at(prometheus)}`);
      await observed.settled();
      return observed;
    } catch (error) {
      await Promise.all(observers.map((observer) => observer.dispose()));
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Until every target answers, and no alert is pending or fires. */
  async settled(): Promise<void> {
    await eventually(
      "every target is up, and nothing is wrong",
      async () => (await this.targetsDown()).length === 0 && (await this.alerts.now()).length === 0,
      () => this.alerts.latest,
      120_000,
    );
  }

  /** The processes that Prometheus did not reach at its last try. */
  async targetsDown(): Promise<readonly string[]> {
    const answer = await fetch(`${this.prometheusUrl}/api/v1/targets`);
    const { data } = targetsAnswer.parse(await answer.json());
    if (data.activeTargets.length === 0) return ["all"];
    return data.activeTargets.filter(({ health }) => health !== "up").map(({ labels }) => labels.instance);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.alerts.stop();
    await Promise.all(this.#observers.map((observer) => observer.dispose()));
    await this.cluster[Symbol.asyncDispose]();
  }
}

const targetsAnswer = z.object({
  data: z.object({
    activeTargets: z.array(z.object({ health: z.string(), labels: z.object({ instance: z.string() }) })),
  }),
});

function startExporter(name: string, command: (port: number) => readonly string[]): Promise<ServerProcess> {
  return ServerProcess.start({
    name,
    folder: temporaryFolder(name).path,
    command: (port) => ["/usr/bin/env", ...command(port)],
    isReady: async (port) => (await fetch(`http://127.0.0.1:${port}/metrics`)).ok,
    stopSignal: "SIGTERM",
    orphanSignal: "KILL",
  });
}

function startPrometheus(targets: readonly MetricsTarget[]): Promise<ServerProcess> {
  const folder = temporaryFolder("prometheus").path;
  const read = (file: string): string => readFileSync(join(DEPLOY, "observe", file), "utf8");
  writeFileSync(join(folder, "targets.json"), targetsFile(targets));
  writeFileSync(join(folder, "rules.yml"), asInTests(read("rules.yml")));
  const often = read("prometheus.yml")
    .replace("scrape_interval: 5s", `scrape_interval: ${LOOK_SECONDS_IN_TESTS}s`)
    .replace("scrape_timeout: 4s", `scrape_timeout: ${LOOK_SECONDS_IN_TESTS}s`)
    .replace("evaluation_interval: 5s", "evaluation_interval: 1s");
  writeFileSync(join(folder, "prometheus.yml"), often);
  return ServerProcess.start({
    name: "prometheus",
    folder,
    command: (port) => [
      observerPath("prometheus"),
      `--config.file=${join(folder, "prometheus.yml")}`,
      `--storage.tsdb.path=${join(folder, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--log.level=warn",
    ],
    isReady: async (port) => (await fetch(`http://127.0.0.1:${port}/-/ready`)).ok,
    stopSignal: "SIGTERM",
    orphanSignal: "KILL",
  });
}
