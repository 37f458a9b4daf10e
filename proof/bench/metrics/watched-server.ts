import { join } from "node:path";
import { EmbeddedLedger } from "../../../src/embedded/embedded-ledger.ts";
import { startHttpServer } from "../../../src/http/server.ts";
import { EdgeCounters } from "../../../src/metrics/edge-counters.ts";
import { DecideMeasures, HotHistogram, SECONDS } from "../../../src/metrics/hot-histogram.ts";
import { observeEmbedded } from "../../../src/metrics/observe-embedded.ts";

class NoCounters extends EdgeCounters {
  override answered(): void {}
  override decided(): void {}
}

class NoMeasures extends DecideMeasures {
  override decided(): void {}
}

/**
 * `watched-server.ts without|with <folder>` is a server as `razonete serve` starts it. The one with metrics also reads them
 * once a second, so that what Prometheus asks of it is in its CPU; the one without counts nothing. What both have is three
 * looks at the clock.
 */
const WATCH_MILLISECONDS = 1_000;

const [, , name, folder = ""] = process.argv;
const dataFile = join(folder, "razonete.db");
const isWatched = name === "with";
const counters = isWatched ? new EdgeCounters() : new NoCounters();
const measures = isWatched ? new DecideMeasures() : new NoMeasures();
const ledger = new EmbeddedLedger({ file: dataFile, measures });
const server = startHttpServer(ledger, {
  address: { host: "127.0.0.1", port: 0 },
  limits: { perAddress: null },
  counters,
  onDefect: (message) => console.error(message),
});
if (isWatched) {
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
