import { messageOf, StartError } from "../../src/errors.ts";
import { BenchProgress } from "./bench-progress.ts";
import { type Noise, noiseNotes, watchNoise } from "./machine-noise.ts";
import { grouped, ratioOf, type Spread, spreadOf } from "./statistics.ts";
import { cpuSince, readCpu, type Target } from "./bench-target.ts";
import { runWrk, type WrkLoad } from "./wrk.ts";

/** One run of the load generator against one target. CPU is for each request, in microseconds. */
export interface Sample {
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly p50Microseconds: number;
  readonly p99Microseconds: number;
  readonly maxMicroseconds: number;
  /** All processes of the target. */
  readonly cpuMicroseconds: number;
  readonly cpuMicrosecondsByProcess: Readonly<Record<string, number>>;
  /** From the end of the load to the moment when all of it was in the books. */
  readonly settleSeconds: number;
  /** What the generator used of the one core that it can use. */
  readonly generatorShare: number;
  readonly noise: Noise;
}

export type Load = Omit<WrkLoad, "url">;

const WARM_UP = { connections: 32, seconds: 3 } as const;
/** From this on a reader is told. */
const GENERATOR_NOTED = 0.9;

/**
 * Offers a load to a target and reads what it cost. The count of CPU ends when everything is in the books: what is
 * done behind the answers belongs to the transactions, too.
 *
 * @throws StartError where a request failed, or a process ended
 */
export async function measure(target: Target, load: Load): Promise<Sample> {
  await target.settle();
  const noise = watchNoise();
  const before = readCpu(target);
  const figures = await runWrk({ ...load, url: target.url }).catch((error: unknown) => {
    load.signal?.throwIfAborted();
    throw new StartError(`${target.name}: ${messageOf(error)}`);
  });
  const ended = performance.now();
  await target.settle();
  const settleSeconds = (performance.now() - ended) / 1000;
  const used = cpuSince(target, before);
  const cpu = [...used.values()].reduce((sum, each) => sum + each, 0);
  return {
    requests: figures.requests,
    requestsPerSecond: figures.requests / figures.seconds,
    p50Microseconds: figures.p50Microseconds,
    p99Microseconds: figures.p99Microseconds,
    maxMicroseconds: figures.maxMicroseconds,
    cpuMicroseconds: cpu / figures.requests,
    cpuMicrosecondsByProcess: Object.fromEntries(
      [...used].map(([name, microseconds]) => [name, microseconds / figures.requests]),
    ),
    settleSeconds,
    generatorShare: figures.cpuMicroseconds / 1e6 / figures.seconds,
    noise: noise(cpu + figures.cpuMicroseconds),
  };
}

/** Until the compilers have seen the way of a request often enough, and the five accounts have full statements. */
export async function warmUp(target: Target, load: Omit<Load, "connections">): Promise<void> {
  const { connections, seconds } = WARM_UP;
  await measure(target, { ...load, connections, seconds: Math.min(seconds, load.seconds) });
}

/** A target with what it is offered. */
export interface Contestant {
  readonly target: Target;
  readonly load: Load;
}

/** Several targets, round by round. Both by the name of the target. */
export interface Comparison {
  readonly loads: Readonly<Record<string, Omit<Load, "signal">>>;
  /** One sample a round. */
  readonly samples: Readonly<Record<string, readonly Sample[]>>;
}

/** Measures targets in turn. Each round begins with another one, so that none always comes after the same. */
export async function compare(
  title: string,
  contestants: readonly Contestant[],
  rounds: number,
): Promise<Comparison> {
  const samples: Record<string, Sample[]> = {};
  const loads: Record<string, Omit<Load, "signal">> = {};
  for (const { target, load } of contestants) {
    const { signal: _, ...told } = load;
    samples[target.name] = [];
    loads[target.name] = told;
  }
  const progress = new BenchProgress(title, rounds * contestants.length);
  try {
    for (let round = 0; round < rounds; round += 1) {
      const first = round % contestants.length;
      for (const { target, load } of [...contestants.slice(first), ...contestants.slice(0, first)]) {
        samples[target.name]?.push(await measure(target, load));
        progress.step();
      }
    }
  } finally {
    progress.stop();
  }
  return { loads, samples };
}

export type Figure = (sample: Sample) => number;

/** 0 where the target has no such process. */
export function cpuOf(process: string): Figure {
  return (sample) => sample.cpuMicrosecondsByProcess[process] ?? 0;
}

export function spread(samples: readonly Sample[], figure: Figure): Spread {
  return spreadOf(samples.map(figure));
}

export function ratio(samples: readonly Sample[], others: readonly Sample[], figure: Figure): Spread {
  return ratioOf(samples.map(figure), others.map(figure));
}

/** The processes of a target in the order in which they are shown, with their share of its CPU. */
export function processesOf(samples: readonly Sample[]): string[] {
  return [...new Set(samples.flatMap((sample) => Object.keys(sample.cpuMicrosecondsByProcess)))];
}

/** What a reader has to know of the circumstances, in sentences; none where they were good. */
export function circumstances({ samples }: Comparison): string[] {
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
