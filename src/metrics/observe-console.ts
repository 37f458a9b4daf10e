import type { TcpAddress } from "../http/server.ts";
import type { EdgeCounters } from "./edge-counters.ts";
import { type MetricsServer, serveMetrics } from "./metrics-server.ts";
import { addProcess } from "./process-metrics.ts";
import { addRequests, Metrics } from "./registry.ts";

/** @throws StartError if it cannot listen there */
export function observeConsole(address: TcpAddress, counters: EdgeCounters): MetricsServer {
  const metrics = new Metrics();
  addProcess(metrics);
  addRequests(metrics, counters);
  return serveMetrics(metrics, address);
}
