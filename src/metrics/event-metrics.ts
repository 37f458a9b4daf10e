import type { EventHub } from "../events/event-hub.ts";
import { type Metrics, one } from "./registry.ts";

export type EventFigures = Pick<EventHub, "readers" | "readersCut" | "delaySeconds">;

/** Of those who follow the ledger. */
export function addEvents(metrics: Metrics, events: EventFigures): void {
  metrics.add(
    "gauge",
    "event_readers",
    "Streams of events that are open, and pages that are waited for.",
    () => one(events.readers),
  );
  metrics.add(
    "counter",
    "event_readers_cut_total",
    "Streams that were ended since they were read too slowly.",
    () => one(events.readersCut),
  );
  metrics.addHistograms(
    "event_delay_seconds",
    "From a batch's decision until it is read for those who follow.",
    [{ histogram: events.delaySeconds }],
  );
}
