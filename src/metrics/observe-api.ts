import type { TcpAddress } from "../http/server.ts";
import { addApi, type ApiSources } from "./api-metrics.ts";
import { BooksLook } from "./books-look.ts";
import type { EdgeCounters } from "./edge-counters.ts";
import { addEvents, type EventFigures } from "./event-metrics.ts";
import type { DecideMeasures } from "./hot-histogram.ts";
import { type MetricsServer, serveMetrics } from "./metrics-server.ts";
import { addProcess } from "./process-metrics.ts";
import { RedisLook } from "./redis-look.ts";
import { addDecide, addEdge, Metrics } from "./registry.ts";

export interface ApiObservation extends Pick<ApiSources, "ledger" | "readiness" | "outboxBatchesMax"> {
  readonly redisUrl: string;
  readonly databaseUrl: string;
  readonly counters: EdgeCounters;
  readonly measures: DecideMeasures;
  readonly events: EventFigures;
}

/** @throws StartError if it cannot listen there */
export function observeApi(address: TcpAddress, observed: ApiObservation): MetricsServer {
  const metrics = new Metrics();
  const redis = new RedisLook(observed.redisUrl);
  const books = new BooksLook(observed.databaseUrl);
  addProcess(metrics);
  addEdge(metrics, observed.counters);
  addDecide(metrics, observed.measures, false);
  addEvents(metrics, observed.events);
  addApi(metrics, { ...observed, redis, books });
  const server = serveMetrics(metrics, address);
  return {
    url: server.url,
    stop: async () => {
      await server.stop();
      redis.close();
      await books.close();
    },
  };
}
