import type { TcpAddress } from "../http/server.ts";
import { bounds } from "../bounds.ts";
import { BooksLook } from "./books-look.ts";
import { addCertificate } from "./certificate-metrics.ts";
import { type MetricsServer, serveMetrics } from "./metrics-server.ts";
import { addNats } from "./nats-varz.ts";
import { addProcess } from "./process-metrics.ts";
import { Metrics, one } from "./registry.ts";
import { keptFor } from "./kept-for.ts";
import type { WriterMeasures } from "./writer-measures.ts";

export interface WriterObservation {
  readonly databaseUrl: string;
  readonly measures: WriterMeasures;
  /** Of each shard, whether this writer is the active one. */
  readonly active: () => readonly boolean[];
  /** Of the monitoring of each NATS server; none: it is not looked at. */
  readonly natsMonitorUrls: readonly string[];
  /** Of the certificate that clients are shown; `null`: it is not looked at. */
  readonly certificateFile: string | null;
}

/**
 * The writer also tells what is of the whole ledger and not of one API: whether its units add up, what the last audit
 * found, and whether NATS answers. Where several run, only the active one reads all accounts for it.
 *
 * @throws StartError if it cannot listen there
 */
export function observeWriter(address: TcpAddress, observed: WriterObservation): MetricsServer {
  const metrics = new Metrics();
  const books = new BooksLook(observed.databaseUrl);
  const { measures, active, natsMonitorUrls, certificateFile } = observed;
  addProcess(metrics);
  metrics.add("gauge", "writer_active", "Whether this writer keeps the shard's batches: 1 or 0.", () =>
    active().map((isActive, shard) => ({ value: isActive ? 1 : 0, labels: { shard } })),
  );
  metrics.addHistograms("keep_seconds", "What one transaction of the books takes.", [
    { histogram: measures.keepSeconds },
  ]);
  metrics.add("counter", "kept_entries_total", "Entries that this writer has kept.", () =>
    one(measures.keptEntries),
  );
  addBooks(metrics, books, () => active()[0] === true);
  if (natsMonitorUrls.length > 0) addNats(metrics, natsMonitorUrls);
  if (certificateFile !== null) addCertificate(metrics, certificateFile);
  const server = serveMetrics(metrics, address);
  return {
    url: server.url,
    stop: async () => {
      await server.stop();
      await books.close();
    },
  };
}

function addBooks(metrics: Metrics, books: BooksLook, isActive: () => boolean): void {
  const sums = metrics.share(keptFor(() => books.unitSums(), bounds.unit_sum_look_milliseconds));
  const audit = metrics.share(() => books.lastAudit());
  metrics.add(
    "gauge",
    "unit_imbalance",
    "All balances of a unit, the outside, and what is in transit: 0.",
    async () =>
      isActive() ? ((await sums()) ?? []).map(({ unit, sum }) => ({ value: sum, labels: { unit } })) : [],
  );
  metrics.add(
    "gauge",
    "audit_finished_timestamp_seconds",
    "When the last audit ended, since 1970.",
    async () => {
      const last = isActive() ? await audit() : null;
      return last === null ? [] : one(last.finishedAt);
    },
  );
  metrics.add("gauge", "audit_agreed", "Whether the last audit found that all agrees: 1 or 0.", async () => {
    const last = isActive() ? await audit() : null;
    return last === null ? [] : one(last.agreed ? 1 : 0);
  });
}
