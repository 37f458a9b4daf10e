import { messageOf, StartError } from "../errors.ts";
import type { Metrics } from "./registry.ts";

/** Where a process of the cluster shows what it measures. */
export interface MetricsAddress {
  readonly host: string;
  readonly port: number;
}

export interface MetricsServer {
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * Serves `GET /metrics`, apart from what clients use. Whoever reaches it may read it, so it listens on this machine alone
 * where nothing else is set.
 *
 * @throws StartError if it cannot listen there
 */
export function serveMetrics(metrics: Metrics, { host, port }: MetricsAddress): MetricsServer {
  const answer = async (): Promise<Response> =>
    new Response(await metrics.text(), { headers: { "content-type": metrics.contentType } });
  try {
    const server = Bun.serve({
      hostname: host,
      port,
      reusePort: false,
      development: false,
      routes: { "/metrics": { GET: answer } },
      fetch: () => new Response("Use GET /metrics.\n", { status: 404 }),
      error: (error) => new Response(`${messageOf(error)}\n`, { status: 500 }),
    });
    return { url: `http://${host}:${server.port}/metrics`, stop: () => server.stop(true) };
  } catch (error) {
    throw new StartError(
      `the metrics cannot be served on ${host}:${port} (${messageOf(error)}): choose another METRICS_HOST or METRICS_PORT.`,
    );
  }
}
