import { Database } from "bun:sqlite";
import { bounds } from "../bounds.ts";
import type { Readiness } from "../ledger/ledger.ts";
import type { EmbeddedLedger } from "../embedded/embedded-ledger.ts";
import { lastAuditOf } from "../audit/audit-note.ts";
import type { HookCounts } from "../hooks/hook-counts.ts";
import { addCertificate } from "./certificate-metrics.ts";
import type { EdgeCounters } from "./edge-counters.ts";
import type { DecideMeasures } from "./hot-histogram.ts";
import { addEvents, type EventFigures } from "./event-metrics.ts";
import { addDispatch, addHooks } from "./hook-metrics.ts";
import { keptFor } from "./kept-for.ts";
import { addProcess } from "./process-metrics.ts";
import { addDecide, addEdge, Metrics, one } from "./registry.ts";

export interface EmbeddedObservation {
  readonly ledger: Pick<EmbeddedLedger, "totals">;
  readonly readiness: () => Readiness;
  readonly dataFile: string;
  readonly counters: EdgeCounters;
  readonly measures: DecideMeasures;
  readonly events: EventFigures;
  readonly webhooks: WebhookSource;
  readonly certificateFile: string | null;
}

/** Webhooks of the embedded server, and the process that sends them. */
export interface WebhookSource {
  /** `null`: there has been none yet, and nothing to send. */
  readonly isDispatching: boolean | null;
  counts(): Promise<HookCounts>;
}

/** Of the embedded server, which is the whole ledger. */
export function observeEmbedded(observed: EmbeddedObservation): Metrics {
  const metrics = new Metrics();
  const { ledger, dataFile, certificateFile } = observed;
  addProcess(metrics);
  addEdge(metrics, observed.counters);
  addDecide(metrics, observed.measures, true);
  addEvents(metrics, observed.events);
  addDispatch(metrics, () => observed.webhooks.isDispatching);
  addHooks(metrics, () => observed.webhooks.counts());
  metrics.add("gauge", "ready", "Whether it takes requests: 1 or 0.", () =>
    one(observed.readiness().ready ? 1 : 0),
  );
  const file = metrics.share(async () => readCounts(dataFile));
  metrics.add("gauge", "shard_g", "The latest batch.", async () => {
    const counts = await file();
    return counts === null ? [] : [{ value: counts.g, labels: { shard: 0, in: "books" } }];
  });
  metrics.add("gauge", "holds_open", "Holds that are open; at most 100,000.", async () => {
    const counts = await file();
    return counts === null ? [] : one(counts.open);
  });
  metrics.add(
    "gauge",
    "holds_overdue",
    "Holds that are open though their time has been over for more than 5 s; at most 1,000.",
    async () => {
      const counts = await file();
      return counts === null ? [] : one(counts.overdue);
    },
  );
  const totals = metrics.share(keptFor(() => ledger.totals(), bounds.unit_sum_look_milliseconds));
  metrics.add(
    "gauge",
    "unit_imbalance",
    "All balances of a unit, the outside, and what is in transit: 0.",
    async () =>
      ((await totals())?.units ?? []).map(({ unit, balances, world, inTransit }) => ({
        value: Number(balances + world + inTransit),
        labels: { unit },
      })),
  );
  const audit = metrics.share(async () => lastAuditOf(dataFile));
  metrics.add(
    "gauge",
    "audit_finished_timestamp_seconds",
    "When the last audit ended, since 1970.",
    async () => {
      const last = await audit();
      return last === null ? [] : one(last.finishedAt);
    },
  );
  metrics.add("gauge", "audit_agreed", "Whether the last audit found that all agrees: 1 or 0.", async () => {
    const last = await audit();
    return last === null ? [] : one(last.agreed ? 1 : 0);
  });
  if (certificateFile !== null) addCertificate(metrics, certificateFile);
  return metrics;
}

interface Counts {
  readonly g: number;
  readonly open: number;
  readonly overdue: number;
}

const OVERDUE_MICROS = 5_000_000;

/** By a connection of its own, which is closed at once: it holds up nothing of the ledger but the thread, for a moment. */
function readCounts(file: string): Counts {
  const db = new Database(file, { readonly: true });
  try {
    const counts = db
      .query<Counts, [number]>(
        `SELECT (SELECT max(g) FROM journal) AS g,
           (SELECT count(*) FROM (SELECT 1 FROM holds WHERE state = 'open' LIMIT 100000)) AS open,
           (SELECT count(*) FROM (SELECT 1 FROM holds WHERE state = 'open' AND expires_at < ? LIMIT 1000)) AS overdue`,
      )
      .get(Date.now() * 1000 - OVERDUE_MICROS);
    if (counts === null) throw new Error("a query without a row");
    return counts;
  } finally {
    db.close();
  }
}
