import { type Comparison, cpuOf, type Metric, processesOf, ratio, type BenchSample } from "./measurement.ts";
import type { Spread } from "./statistics.ts";

/** Two targets to compare: the first as a multiple of the second. */
export type TargetPair = readonly [name: string, other: string];

/** The ratios of two targets, calculated round by round. */
export interface Ratios {
  readonly name: string;
  readonly other: string;
  readonly cpuMicroseconds: Spread;
  readonly requestsPerSecond: Spread;
  readonly p50Microseconds: Spread;
  readonly p99Microseconds: Spread;
  readonly maxMicroseconds: Spread;
  /** Only of processes that both have and that used enough CPU to be compared. */
  readonly cpuMicrosecondsByProcess: Readonly<Record<string, Spread>>;
}

export function ratiosOf({ samples }: Pick<Comparison, "samples">, pairs: readonly TargetPair[]): Ratios[] {
  return pairs.map(([name, other]) => {
    const [ones, others] = [samples[name] ?? [], samples[other] ?? []];
    const of = (metric: Metric): Spread => ratio(ones, others, metric);
    const shared = processesOf(ones).filter((process) =>
      [...ones, ...others].every((sample) => isMeasurable(sample, process)),
    );
    return {
      name,
      other,
      cpuMicroseconds: of((sample) => sample.cpuMicroseconds),
      requestsPerSecond: of((sample) => sample.requestsPerSecond),
      p50Microseconds: of((sample) => sample.p50Microseconds),
      p99Microseconds: of((sample) => sample.p99Microseconds),
      maxMicroseconds: of((sample) => sample.maxMicroseconds),
      cpuMicrosecondsByProcess: Object.fromEntries(shared.map((process) => [process, of(cpuOf(process))])),
    };
  });
}

/** A few clock ticks are too few to give a ratio. */
function isMeasurable(sample: BenchSample, process: string): boolean {
  return cpuOf(process)(sample) * sample.requests >= 50_000;
}
