import type { HookCounts } from "../hooks/hook-counts.ts";
import { type Metrics, one, type Sample } from "./registry.ts";

const STATES = [
  "active",
  "failing",
  "paused",
  "parked",
] as const satisfies HookCounts["webhooks"][number]["state"][];

/** @param read rejects, or is `null`, where there is nothing to tell */
export function addHooks(metrics: Metrics, read: () => Promise<HookCounts | null>): void {
  const counts = metrics.share(read);
  const each =
    (samples: (counts: HookCounts) => readonly Sample[]) => async (): Promise<readonly Sample[]> => {
      const found = await counts();
      return found === null ? [] : samples(found);
    };
  metrics.add(
    "gauge",
    "webhooks",
    "Webhooks by state; one that is failing is active, and its target takes nothing.",
    each(({ webhooks }) =>
      STATES.map((state) => ({
        value: webhooks.filter((webhook) => webhook.state === state).length,
        labels: { state },
      })),
    ),
  );
  metrics.add(
    "gauge",
    "webhook_failing",
    "Whether the target of an active webhook takes nothing: 1 or 0.",
    each(({ webhooks }) =>
      webhooks.flatMap(({ id, state }) =>
        state === "active" || state === "failing"
          ? [{ value: state === "failing" ? 1 : 0, labels: { webhook: id } }]
          : [],
      ),
    ),
  );
  metrics.add(
    "gauge",
    "webhook_backlog_events",
    "Deliveries that wait; of one webhook at most 10,000, the rest of its events is in the journal.",
    each(({ waiting }) => one(waiting)),
  );
  metrics.add(
    "gauge",
    "webhook_parked_deliveries",
    "Deliveries that were given up on.",
    each(({ parked }) => one(parked)),
  );
}

/** Whether webhooks are sent. @param isActive null: there is nothing to send */
export function addDispatch(metrics: Metrics, isActive: () => boolean | null): void {
  metrics.add("gauge", "dispatch_active", "Whether this process sends webhooks: 1 or 0.", () => {
    const active = isActive();
    return active === null ? [] : one(active ? 1 : 0);
  });
}
