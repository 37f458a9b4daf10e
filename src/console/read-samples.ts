import type { Activity } from "./activity.ts";
import type { ConsoleStatus } from "./console-status.ts";
import { type Sample, sumOf } from "./metric-text.ts";
import type { Part } from "./part-states.ts";

/** What the samples of a process tell of what the console shows. */

/** Commands that make a transaction. */
const MOVES = ["transact", "transaction", "capture", "reversal"];
/** Requests that decide something. */
const DECIDING = ["contest", "command", "batch"];

/** @returns `null` of a process that decides nothing */
export function activityOf(samples: readonly Sample[], at: number): Activity | null {
  const transactions = sumOf(
    samples,
    "razonete_decisions_total",
    ({ command = "", outcome }) => MOVES.includes(command) && outcome === "accepted",
  );
  if (transactions === null) return null;
  const counts = new Map<number, number>();
  for (const { name, labels, value } of samples) {
    const { le, group = "" } = labels;
    if (name !== "razonete_http_duration_seconds_bucket" || le === undefined || !DECIDING.includes(group))
      continue;
    const seconds = le === "+Inf" ? Infinity : Number(le);
    counts.set(seconds, (counts.get(seconds) ?? 0) + value);
  }
  const latency = [...counts].toSorted(([a], [b]) => a - b).map(([seconds, count]) => ({ seconds, count }));
  return { at, transactions, refusals: sumOf(samples, "razonete_refusals_total") ?? 0, latency };
}

const TROUBLES: readonly {
  readonly name: string;
  readonly isBad: (value: number) => boolean;
  readonly detail: string;
}[] = [
  { name: "razonete_diverged", isBad: (value) => value > 0, detail: "The books and the outbox differ." },
  {
    name: "razonete_lost_batches",
    isBad: (value) => value > 0,
    detail: "Batches that were answered are lost.",
  },
  {
    name: "razonete_fence_open",
    isBad: (value) => value === 0,
    detail: "The fence is shut: it decides nothing.",
  },
  { name: "razonete_ready", isBad: (value) => value === 0, detail: "It is not ready." },
];

/** What a process that answers tells of itself. */
export function stateIn(samples: readonly Sample[]): Pick<Part, "state" | "detail"> {
  const trouble = TROUBLES.find(({ name, isBad }) => {
    const value = sumOf(samples, name);
    return value !== null && isBad(value);
  });
  return trouble === undefined
    ? { state: "up", detail: null }
    : { state: "troubled", detail: trouble.detail };
}

export function webhooksIn(samples: readonly Sample[]): ConsoleStatus["webhooks"] {
  const webhooks = (wanted: string): number =>
    sumOf(samples, "razonete_webhooks", ({ state }) => state === wanted) ?? 0;
  return {
    active: webhooks("active"),
    failing: webhooks("failing"),
    parked: sumOf(samples, "razonete_webhook_parked_deliveries") ?? 0,
    backlog: sumOf(samples, "razonete_webhook_backlog_events") ?? 0,
  };
}
