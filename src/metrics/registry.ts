import { type Metric, type MetricValue, Registry } from "prom-client";
import { REFUSALS } from "../ledger/refusal.ts";
import { COMMAND_TYPES, type EdgeCounters, GROUPS, STATUSES } from "./edge-counters.ts";
import type { DecideMeasures, HotHistogram } from "./hot-histogram.ts";

/** One line of what a look at the metrics shows: a value, and what it is of. */
export interface Sample {
  readonly value: number;
  readonly labels?: Readonly<Record<string, string | number>>;
}

type Kind = "counter" | "gauge";

/**
 * What a process measures, in the form of Prometheus. All names begin with `razonete_`, but those of the process, which
 * are the same for any program. Nothing is done before somebody looks.
 */
export class Metrics {
  readonly #registry = new Registry();
  #looks = 0;

  /** `name` without its beginning. `look` is called at each look; where it rejects, the metric has no value. */
  add(kind: Kind, name: string, help: string, look: () => Looked): void {
    this.addAs(`razonete_${name}`, kind, help, look);
  }

  addAs(name: string, kind: Kind, help: string, look: () => Looked): void {
    this.#register(name, kind, help, async () => {
      const samples = await look();
      return samples.map(({ value, labels = {} }) => ({ value, labels }));
    });
  }

  addHistograms(
    name: string,
    help: string,
    all: readonly { readonly histogram: HotHistogram; readonly labels?: Readonly<Record<string, string>> }[],
  ): void {
    const full = `razonete_${name}`;
    this.#register(full, "histogram", help, async () =>
      all.flatMap(({ histogram, labels = {} }) => valuesOf(full, histogram, labels)),
    );
  }

  /**
   * What several metrics are made of: read once for each look at them, so that they fit each other. A read that has no
   * end, of a server that is frozen, is waited for and not joined by others.
   *
   * @returns what was read; `null` where it could not be, or not within a second
   */
  share<T>(read: () => Promise<T>): () => Promise<T | null> {
    let look = -1;
    let isReading = false;
    let latest: Promise<T | null> = Promise.resolve(null);
    const begin = (): Promise<T | null> => {
      if (isReading) return Promise.resolve(null);
      isReading = true;
      const reading = read().finally(() => {
        isReading = false;
      });
      return within(reading).catch(() => null);
    };
    return () => {
      if (look !== this.#looks) latest = begin();
      look = this.#looks;
      return latest;
    };
  }

  /** The text that Prometheus reads. */
  text(): Promise<string> {
    this.#looks += 1;
    return this.#registry.metrics();
  }

  async response(): Promise<Response> {
    return new Response(await this.text(), { headers: { "content-type": this.#registry.contentType } });
  }

  #register(name: string, type: string, help: string, values: () => Promise<Value[]>): void {
    const metric = {
      name,
      help,
      type,
      get: async () => ({ name, help, type, values: await values().catch(() => []) }),
    };
    // The registry asks a metric for nothing but its name and `get`. Its types want one of its own classes, whose counting
    // would cost on the way of every request what these do not.
    this.#registry.registerMetric(asMetric(metric));
  }
}

/** A server that is frozen may not keep the figures of others from being read. */
const LOOK_MILLISECONDS = 1_000;

async function within<T>(answer: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("no answer in time")), LOOK_MILLISECONDS);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}

export type Looked = readonly Sample[] | Promise<readonly Sample[]>;
type Value = MetricValue<string> & { metricName?: string };

interface OwnMetric {
  readonly name: string;
  get(): Promise<unknown>;
}

function asMetric(metric: OwnMetric): Metric {
  if (!isMetric(metric)) throw new Error("a metric has a name and can be read");
  return metric;
}

function isMetric(metric: OwnMetric): metric is OwnMetric & Metric {
  return "get" in metric;
}

function valuesOf(
  name: string,
  { bounds, counts, sum }: HotHistogram,
  labels: Record<string, string>,
): Value[] {
  const values: Value[] = [];
  let below = 0;
  for (const [bucket, count] of counts.entries()) {
    below += count;
    const le = bounds[bucket] ?? "+Inf";
    values.push({ metricName: `${name}_bucket`, labels: { ...labels, le }, value: below });
  }
  values.push({ metricName: `${name}_sum`, labels, value: sum });
  values.push({ metricName: `${name}_count`, labels, value: below });
  return values;
}

/** A value of its own, without labels. */
export function one(value: number): readonly Sample[] {
  return [{ value }];
}

/** Of the edge: an API's, or the embedded server's. */
export function addEdge(metrics: Metrics, counters: EdgeCounters): void {
  addRequests(metrics, counters);
  addDecisions(metrics, counters);
}

/** Also of a process that decides nothing. */
export function addRequests(metrics: Metrics, counters: EdgeCounters): void {
  metrics.add("counter", "http_requests_total", "Requests that were answered, by route and status.", () =>
    counters.routes.flatMap(({ path, method }, route) =>
      STATUSES.map((status, place) => ({
        value: counters.requests[route * STATUSES.length + place] ?? 0,
        labels: { route: path, method, status: status === 0 ? "other" : status },
      })).filter(({ value, labels }) => value > 0 || (labels.status === 200 && method !== "other")),
    ),
  );
  metrics.addHistograms(
    "http_duration_seconds",
    "From a request's arrival to its answer, in the process.",
    GROUPS.flatMap((group, place) => {
      const histogram = counters.seconds[place];
      return histogram === undefined ? [] : [{ histogram, labels: { group } }];
    }),
  );
}

function addDecisions(metrics: Metrics, counters: EdgeCounters): void {
  metrics.add("counter", "decisions_total", "Commands that were accepted, now or before.", () =>
    COMMAND_TYPES.flatMap((command, of) => [
      { value: counters.accepted[of * 2] ?? 0, labels: { command, outcome: "accepted" } },
      { value: counters.accepted[of * 2 + 1] ?? 0, labels: { command, outcome: "replayed" } },
    ]),
  );
  metrics.add("counter", "refusals_total", "Commands that were refused, by reason.", () =>
    COMMAND_TYPES.flatMap((command, of) =>
      REFUSALS.map((refusal, place) => ({
        value: counters.refused[of * REFUSALS.length + place] ?? 0,
        labels: { command, refusal },
      })).filter(({ value, labels }) => value > 0 || labels.refusal === "limit-exceeded"),
    ),
  );
}

export function addDecide(metrics: Metrics, measures: DecideMeasures, hasFsync: boolean): void {
  metrics.addHistograms("batch_commands", "Commands that were decided together.", [
    { histogram: measures.commands },
  ]);
  metrics.addHistograms("decide_seconds", "What deciding a batch takes, until it is durable.", [
    { histogram: measures.seconds },
  ]);
  if (!hasFsync) return;
  metrics.addHistograms("fsync_seconds", "What making a batch durable takes.", [
    { histogram: measures.fsyncSeconds },
  ]);
}
