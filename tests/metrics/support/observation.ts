import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { credentialsOf } from "../../../src/stack/credentials.ts";
import { type MetricsTarget, targetsFile } from "../../../src/stack/metrics-targets.ts";
import { DEPLOY } from "../../../src/stack/process-plan.ts";
import { eventually } from "../../support/eventually.ts";
import { ServerProcess } from "../../support/servers/server-process.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { AlertWatch, asInTests, LOOK_SECONDS_IN_TESTS } from "./alerts.ts";
import { observerPath } from "./observer-programs.ts";

/** What watches a system from beside it: exporters, and a real Prometheus with the real rules, whose waits are shorter. */
export class Observation implements AsyncDisposable {
  readonly alerts: AlertWatch;
  readonly prometheusUrl: string;
  readonly #observers: readonly ServerProcess[];

  private constructor(observers: readonly ServerProcess[], prometheusUrl: string) {
    this.#observers = observers;
    this.prometheusUrl = prometheusUrl;
    this.alerts = new AlertWatch(prometheusUrl);
  }

  /**
   * Resolves once all is up, and nothing is wrong.
   *
   * @param exporters each is started, and ends with this
   * @param targetsOf what Prometheus asks; it is given the host:port of the exporters, in their order
   */
  static async start(
    exporters: readonly (() => Promise<ServerProcess>)[],
    targetsOf: (addresses: readonly string[]) => readonly MetricsTarget[],
  ): Promise<Observation> {
    const observers: ServerProcess[] = [];
    try {
      for (const start of exporters) observers.push(await start());
      const prometheus = await startPrometheus(targetsOf(observers.map(addressOf)));
      observers.push(prometheus);
      const observation = new Observation(observers, `http://${addressOf(prometheus)}`);
      await observation.settled();
      return observation;
    } catch (error) {
      await Promise.all(observers.map((observer) => observer.dispose()));
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
  }
}

const targetsAnswer = z.object({
  data: z.object({
    activeTargets: z.array(z.object({ health: z.string(), labels: z.object({ instance: z.string() }) })),
  }),
});

function addressOf({ port }: ServerProcess): string {
  return `127.0.0.1:${port}`;
}

/** @param url of the Redis that it tells of, where it is not told to ask another one */
export function startRedisExporter(url: string): Promise<ServerProcess> {
  return startExporter("redis-exporter", (port) => [
    `REDIS_ADDR=${url}`,
    "REDIS_USER=observer",
    `REDIS_PASSWORD=${credentialsOf("of the tests").observer}`,
    observerPath("redisExporter"),
    `-web.listen-address=127.0.0.1:${port}`,
    "-set-client-name=false",
    "-connection-timeout=1s",
  ]);
}

export function startPostgresExporter(url: string): Promise<ServerProcess> {
  return startExporter("postgres-exporter", (port) => [
    `DATA_SOURCE_NAME=${url}?sslmode=disable`,
    observerPath("postgresExporter"),
    `--web.listen-address=127.0.0.1:${port}`,
    "--log.level=error",
  ]);
}

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
