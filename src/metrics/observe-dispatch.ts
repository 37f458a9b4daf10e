import { BookHooks } from "../hooks/book-hooks.ts";
import { countHooks } from "../hooks/hook-counts.ts";
import type { TcpAddress } from "../http/server.ts";
import { addDispatch, addHooks } from "./hook-metrics.ts";
import { type MetricsServer, serveMetrics } from "./metrics-server.ts";
import { addProcess } from "./process-metrics.ts";
import { Metrics } from "./registry.ts";

export interface DispatchObservation {
  readonly databaseUrl: string;
  /** Whether it is the one of several that sends. */
  readonly isActive: () => boolean;
}

/**
 * Of several dispatchers the active one tells of webhooks.
 *
 * @throws StartError if it cannot listen there
 */
export function observeDispatch(
  address: TcpAddress,
  { databaseUrl, isActive }: DispatchObservation,
): MetricsServer {
  const metrics = new Metrics();
  const hooks = new BookHooks(databaseUrl, "razonete dispatch metrics");
  addProcess(metrics);
  addDispatch(metrics, isActive);
  addHooks(metrics, async () => (isActive() ? countHooks(hooks) : null));
  const server = serveMetrics(metrics, address);
  return {
    url: server.url,
    stop: async () => {
      await server.stop();
      await hooks.close();
    },
  };
}
