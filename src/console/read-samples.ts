import { problemNameOf } from "../http/refusal-problems.ts";
import { isRefusal, type Refusal, REFUSALS } from "../ledger/refusal.ts";
import { COMMAND_TYPES, type EdgeCounters, GROUPS } from "../metrics/edge-counters.ts";
import type { Activity } from "./activity.ts";
import type { ConsoleStatus } from "./console-status.ts";
import { type Sample, sumOf } from "./metric-text.ts";
import { DETAILS, undecidedDetail } from "./part-details.ts";
import type { Part } from "./part-states.ts";

/** What the samples of a process tell of what the console shows. */

/** Commands that make a transaction. */
const MOVES: readonly string[] = ["transact", "transaction", "capture", "reversal"];
/** Requests that decide something. */
const DECIDING: readonly string[] = ["contest", "command", "batch"];

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

/** The same of this process's own counters. */
export function activityNow(counters: EdgeCounters): Activity {
  const counts = new Map<number, number>();
  for (const [group, name] of GROUPS.entries()) {
    const histogram = counters.seconds[group];
    if (histogram === undefined || !DECIDING.includes(name)) continue;
    let below = 0;
    for (const [bucket, count] of histogram.counts.entries()) {
      below += count;
      const seconds = histogram.bounds[bucket] ?? Infinity;
      counts.set(seconds, (counts.get(seconds) ?? 0) + below);
    }
  }
  return {
    at: performance.now(),
    // Two places for each command: decided now, and decided before.
    transactions: MOVES.reduce((sum, command) => sum + (counters.accepted[placeOf(command) * 2] ?? 0), 0),
    refusals: counters.refused.reduce((sum, count) => sum + count, 0),
    latency: [...counts].map(([seconds, count]) => ({ seconds, count })),
  };
}

/** Refusals of these processes since their start. */
export function refusalsIn(samples: readonly Sample[]): ConsoleStatus["refusals"] {
  return refusalsOf(
    samples.flatMap(({ name, labels: { refusal = "" }, value }) =>
      name === "razonete_refusals_total" && isRefusal(refusal) ? [[refusal, value] as const] : [],
    ),
  );
}

/** The same of this process's own counters. */
export function refusalsNow({ refused }: EdgeCounters): ConsoleStatus["refusals"] {
  return refusalsOf(
    [...refused].flatMap((count, place) => {
      const refusal = REFUSALS[place % REFUSALS.length];
      return refusal === undefined ? [] : [[refusal, count] as const];
    }),
  );
}

/** By the names that clients are told, of which several refusals may have one. */
function refusalsOf(counts: readonly (readonly [Refusal, number])[]): ConsoleStatus["refusals"] {
  const byProblem = Map.groupBy(counts, ([refusal]) => problemNameOf(refusal));
  return [...byProblem]
    .map(([problem, all]) => ({ problem, count: all.reduce((sum, [, count]) => sum + count, 0) }))
    .filter(({ count }) => count > 0)
    .toSorted((a, b) => b.count - a.count);
}

function placeOf(command: string): number {
  return COMMAND_TYPES.findIndex((type) => type === command);
}

/** What a process that answers tells of itself. */
export function stateIn(samples: readonly Sample[]): Pick<Part, "state" | "detail"> {
  const shards = samples.filter(({ name }) => name === "razonete_shard_decides");
  const undecided = shards.filter(({ value }) => value === 0).map(({ labels: { shard = "" } }) => shard);
  // In a Redis Cluster the fence counts as shut as soon as it is for one shard, and the others decide all the same.
  const isShut = undecided.length === shards.length && sumOf(samples, "razonete_fence_open") === 0;
  if (isShut) return { state: "troubled", detail: DETAILS.fenceShut[0] };
  if (undecided.length > 0) return { state: "troubled", detail: undecidedDetail(undecided) };
  if (sumOf(samples, "razonete_ready") === 0) return { state: "troubled", detail: DETAILS.notReady[0] };
  const isWaiting = ["razonete_writer_active", "razonete_dispatch_active"].some(
    (role) => sumOf(samples, role) === 0,
  );
  return { state: "up", detail: isWaiting ? DETAILS.standsBy[0] : null };
}

/** What all APIs tell alike of the servers behind them, as far as it is known; `null`: nobody tells it now. */
export interface Behind {
  readonly lagMilliseconds: number | null;
  /** Batches that the books lack. */
  readonly lagBatches: number | null;
  readonly outbox: ConsoleStatus["outbox"];
  /** Whether a writer stopped because outbox and books differ. */
  readonly isDiverged: boolean;
  /** Whether batches are gone that were answered. */
  readonly isLost: boolean;
}

export function behindIn(samples: readonly Sample[]): Behind {
  const batches = greatestByShard(samples, "razonete_outbox_batches");
  const max = greatestByShard(samples, "razonete_outbox_batches_max");
  // Where the books do not tell how far they are, what they lack is still in the outbox.
  const lagBatches = greatestByShard(samples, "razonete_books_lag_batches") ?? batches;
  const seconds = samples.flatMap(({ name, value }) =>
    name === "razonete_books_lag_seconds" ? [value] : [],
  );
  return {
    lagMilliseconds: lagBatches === null ? null : lagBatches === 0 ? 0 : Math.max(0, ...seconds) * 1000,
    lagBatches,
    outbox: batches === null || max === null ? null : { batches, max },
    isDiverged: (sumOf(samples, "razonete_diverged") ?? 0) > 0,
    isLost: (sumOf(samples, "razonete_lost_batches") ?? 0) > 0,
  };
}

/** Several processes tell of the same shard. */
function greatestByShard(samples: readonly Sample[], wanted: string): number | null {
  const greatest = new Map<string, number>();
  for (const { name, labels, value } of samples) {
    const { shard = "" } = labels;
    if (name === wanted) greatest.set(shard, Math.max(greatest.get(shard) ?? value, value));
  }
  return greatest.size === 0 ? null : [...greatest.values()].reduce((sum, value) => sum + value, 0);
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
