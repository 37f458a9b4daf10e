import { join } from "node:path";
import { EmbeddedLedger } from "../../../src/embedded/embedded-ledger.ts";
import { startHttpServer } from "../../../src/http/server.ts";
import { EdgeCounters } from "../../../src/metrics/edge-counters.ts";
import { DecideMeasures, HotHistogram, SECONDS } from "../../../src/metrics/hot-histogram.ts";
import { observeEmbedded } from "../../../src/metrics/observe-embedded.ts";

/**
 * `watched-server.ts alone|watched <folder>` is a server as `razonete serve` starts it. The second one reads its own
 * metrics once a second, so that what Prometheus asks of it is in its CPU.
 */
const WATCH_MILLISECONDS = 1_000;

const [, , name, folder = ""] = process.argv;
const dataFile = join(folder, "razonete.db");
const counters = new EdgeCounters();
const measures = new DecideMeasures();
const ledger = new EmbeddedLedger({ file: dataFile, measures });
const server = startHttpServer(ledger, {
  address: { host: "127.0.0.1", port: 0 },
  limits: { perAddress: null },
  counters,
  onDefect: (message) => console.error(message),
});
if (name === "watched") {
  const { readiness } = server;
  const events = { readers: 0, readersCut: 0, delaySeconds: new HotHistogram(SECONDS) };
  const webhooks = { isDispatching: null, counts: async () => ({ webhooks: [], waiting: 0, parked: 0 }) };
  const about = { ledger, readiness, dataFile, counters, measures, certificateFile: null };
  const metrics = observeEmbedded({ ...about, events, webhooks });
  setInterval(() => {
    metrics.text().catch((error: unknown) => console.error(error));
  }, WATCH_MILLISECONDS);
}
console.log(`listens on ${server.url}`);
