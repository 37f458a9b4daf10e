import { messageOf, StartError } from "../../src/errors.ts";
import { BenchProgress } from "./bench-progress.ts";
import { type Noise, noiseNotes, watchNoise } from "./machine-noise.ts";
import { grouped, ratioOf, type Spread, spreadOf } from "./statistics.ts";
import { cpuSince, readCpu, type BenchTarget } from "./bench-target.ts";
import { PER_REQUEST, runWrk, type WrkLoad } from "./wrk.ts";

/**
 * One run of the load generator against one target. CPU is in microseconds for each request. A batch counts as many times
 * as it has commands, a hold and its capture once; only the times are those of the requests as they are sent.
 */
export interface BenchSample {
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly p50Microseconds: number;
  readonly p99Microseconds: number;
  readonly maxMicroseconds: number;
  /** Of all processes of the target together. */
  readonly cpuMicroseconds: number;
  readonly cpuMicrosecondsByProcess: Readonly<Record<string, number>>;
  /** From the end of the load until all of it was in the books. */
  readonly settleSeconds: number;
  /** The share (0 to 1) of a core that the generator used. It cannot use more than one core. */
  readonly generatorShare: number;
  readonly noise: Noise;
}

export type BenchLoad = Omit<WrkLoad, "url">;

export const WARM_UP = { connections: 32, seconds: 3 } as const;
/** From this share on, the output has a note. */
const GENERATOR_NOTED = 0.9;

/**
 * Applies a load to a target and measures its cost. CPU is counted until everything is in the books, since the work
 * after the answers is a part of the transactions.
 *
 * @throws StartError if a request failed, or a process ended
 */
export async function measureTarget(target: BenchTarget, load: BenchLoad): Promise<BenchSample> {
  await target.settle();
  const noise = watchNoise();
  const before = readCpu(target);
  const wrk = await runWrk({ ...load, url: target.url }).catch((error: unknown) => {
    load.signal?.throwIfAborted();
    throw new StartError(`${target.name}: ${messageOf(error)}`);
  });
  const ended = performance.now();
  await target.settle();
  const settleSeconds = (performance.now() - ended) / 1000;
  const used = cpuSince(target, before);
  const cpu = [...used.values()].reduce((sum, each) => sum + each, 0);
  const requests = wrk.requests * PER_REQUEST[load.what ?? "transactions"];
  return {
    requests,
    requestsPerSecond: requests / wrk.seconds,
    p50Microseconds: wrk.p50Microseconds,
    p99Microseconds: wrk.p99Microseconds,
    maxMicroseconds: wrk.maxMicroseconds,
    cpuMicroseconds: cpu / requests,
    cpuMicrosecondsByProcess: Object.fromEntries(
      [...used].map(([name, microseconds]) => [name, microseconds / requests]),
    ),
    settleSeconds,
    generatorShare: wrk.cpuMicroseconds / 1e6 / wrk.seconds,
    noise: noise(cpu + wrk.cpuMicroseconds),
  };
}

/**
 * Applies load for a while, so that the JIT compilers have seen enough requests and the five accounts have full
 * statements.
 */
export async function warmUp(
  target: BenchTarget,
  load: Omit<BenchLoad, "connections">,
): Promise<BenchSample> {
  const { connections, seconds } = WARM_UP;
  return measureTarget(target, { ...load, connections, seconds: Math.min(seconds, load.seconds) });
}

/** A target with the load that is applied to it. */
export interface MeasuredTarget {
  readonly target: BenchTarget;
  readonly load: BenchLoad;
}

/** Measurements of several targets, round by round. Both records are by name of the target. */
export interface Comparison {
  readonly loads: Readonly<Record<string, Omit<BenchLoad, "signal">>>;
  /** One sample a round. */
  readonly samples: Readonly<Record<string, readonly BenchSample[]>>;
}

/** Measures targets in turn. Each round begins with the next one, so that none is always first. */
export async function compareTargets(
  title: string,
  measuredTargets: readonly MeasuredTarget[],
  rounds: number,
): Promise<Comparison> {
  const samples: Record<string, BenchSample[]> = {};
  const loads: Record<string, Omit<BenchLoad, "signal">> = {};
  for (const { target, load } of measuredTargets) {
    const { signal: _, ...recorded } = load;
    samples[target.name] = [];
    loads[target.name] = recorded;
  }
  const progress = new BenchProgress(title, rounds * measuredTargets.length);
  try {
    for (let round = 0; round < rounds; round += 1) {
      const first = round % measuredTargets.length;
      for (const { target, load } of [...measuredTargets.slice(first), ...measuredTargets.slice(0, first)]) {
        samples[target.name]?.push(await measureTarget(target, load));
        progress.step();
      }
    }
  } finally {
    progress.stop();
  }
  return { loads, samples };
}

export type Metric = (sample: BenchSample) => number;

/** The CPU of one process; 0 if the target has no such process. */
export function cpuOf(process: string): Metric {
  return (sample) => sample.cpuMicrosecondsByProcess[process] ?? 0;
}

export function spread(samples: readonly BenchSample[], metric: Metric): Spread {
  return spreadOf(samples.map(metric));
}

export function ratio(
  samples: readonly BenchSample[],
  others: readonly BenchSample[],
  metric: Metric,
): Spread {
  return ratioOf(samples.map(metric), others.map(metric));
}

/** The names of the processes in these samples, in the order in which they are shown. */
export function processesOf(samples: readonly BenchSample[]): string[] {
  return [...new Set(samples.flatMap((sample) => Object.keys(sample.cpuMicrosecondsByProcess)))];
}

/** What a reader has to know about the conditions, in sentences; none if they were good. */
export function comparisonNotes({ samples }: Comparison): string[] {
  const notes = noiseNotes(
    Object.values(samples)
      .flat()
      .map(({ noise }) => noise),
  );
  for (const [name, of] of Object.entries(samples)) {
    const share = spread(of, ({ generatorShare }) => generatorShare).median;
    if (share < GENERATOR_NOTED) continue;
    notes.push(
      `the load generator itself was the limit of ${name} (${grouped(share * 100, 0)} % of its core)`,
    );
  }
  return notes;
}
