import { messageOf, StartError } from "../errors.ts";
import type { TcpAddress } from "../http/server.ts";
import type { Metrics } from "./registry.ts";

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
export function serveMetrics(metrics: Metrics, { host, port }: TcpAddress): MetricsServer {
  try {
    const server = Bun.serve({
      hostname: host,
      port,
      reusePort: false,
      development: false,
      routes: { "/metrics": { GET: () => metrics.response() } },
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
