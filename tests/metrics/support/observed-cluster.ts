import { Cluster, type ClusterOptions } from "../../support/cluster.ts";
import type { AlertWatch } from "./alerts.ts";
import { Observation, startPostgresExporter, startRedisExporter } from "./observation.ts";

/** A cluster, and what watches it. */
export class ObservedCluster implements AsyncDisposable {
  readonly cluster: Cluster;
  readonly #observation: Observation;

  private constructor(cluster: Cluster, observation: Observation) {
    this.cluster = cluster;
    this.#observation = observation;
  }

  static async start(options: ClusterOptions): Promise<ObservedCluster> {
    const cluster = await Cluster.start({ ...options, observed: true });
    try {
      const exporters = [
        () => startRedisExporter(cluster.redis.url),
        () => startPostgresExporter(cluster.postgres.url),
      ];
      const observation = await Observation.start(exporters, ([redis = "", postgres = ""]) => [
        ...cluster.metrics,
        { job: "redis", process: "redis", address: redis },
        { job: "postgres", process: "postgres", address: postgres },
      ]);
      return new ObservedCluster(cluster, observation);
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  get alerts(): AlertWatch {
    return this.#observation.alerts;
  }

  get prometheusUrl(): string {
    return this.#observation.prometheusUrl;
  }

  /** See {@link Observation}. */
  settled(): Promise<void> {
    return this.#observation.settled();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#observation[Symbol.asyncDispose]();
    await this.cluster[Symbol.asyncDispose]();
  }
}
