import type { RunResult } from "../load-test/run-result.ts";
import type { DiskTimes } from "./disk-watch.ts";
import { MEGABYTE_BYTES, type Submission } from "./submission.ts";
import { type ServiceUsage, WHOLE_SYSTEM } from "./resource-usage.ts";

/** What a run under the contest's limits measured of the system itself. Written next to the load test's result. */
export interface ContestResult {
  /** Changes when readers of the older format would misread the newer one. */
  readonly format: "razonete-contest-1";
  /** A command line that repeats this run. */
  readonly command: string;
  /** What the ledger's own processes ran from. */
  readonly program: "executable" | "source";
  /** Into how many parts the accounts were split, all on one Redis. */
  readonly shards: number;
  /** Why no limits were set, for a person; null if they were. */
  readonly unlimited: string | null;
  /** From an empty data folder to the first answer through the balancer, including the creation of the database. */
  readonly readySeconds: number;
  /** Requests of the load test, by which `cpuMicrosecondsPerRequest` is divided. */
  readonly requests: number;
  readonly services: readonly ServiceResult[];
  readonly whole: UsageResult | null;
  /** While the load test ran, where the system keeps its data. */
  readonly disk: DiskTimes;
  /**
   * Crashes and OOM kills, one sentence each: processes that ended by themselves, or that the kernel killed for lack
   * of memory.
   */
  readonly deaths: readonly string[];
}

export interface ServiceResult {
  readonly name: string;
  readonly cpus: number;
  readonly memoryMegabytes: number;
  /** From its own start until it was ready; null if it never was. */
  readonly readyMilliseconds: number | null;
  /** Null if there were no control groups to measure it. */
  readonly figures: UsageResult | null;
}

export interface UsageResult {
  /** User and system time during the load test, divided by its requests. */
  readonly cpuMicrosecondsPerRequest: number;
  /** Periods of 100 ms in which it wanted to run, and those in which it had to wait; during the load test. */
  readonly periods: number;
  readonly throttledPeriods: number;
  /** The same, from its start to the beginning of the load test. */
  readonly throttledPeriodsAtStart: number;
  /** The highest amount that could not be reclaimed: without cached files. */
  readonly memoryHeldPeakBytes: number;
  /** The kernel's peak, with cached files, which stay in memory as long as there is room. */
  readonly memoryPeakBytes: number;
}

export interface ContestMeasurement {
  readonly submission: Submission;
  readonly program: ContestResult["program"];
  readonly shards: number;
  readonly unlimited: string | null;
  readonly readySeconds: number;
  readonly readyMilliseconds: ReadonlyMap<string, number>;
  /** Before and after the load; empty if there were no control groups. */
  readonly before: ReadonlyMap<string, ServiceUsage>;
  readonly after: ReadonlyMap<string, ServiceUsage>;
  readonly disk: DiskTimes;
  readonly crashesAndOomKills: readonly string[];
  readonly load: RunResult;
}

export function contestResult(measured: ContestMeasurement): ContestResult {
  const { submission, before, after, load, readyMilliseconds } = measured;
  const requests = load.total.requests;
  const usageOf = (name: string): UsageResult | null => {
    const first = before.get(name);
    const last = after.get(name);
    return first === undefined || last === undefined ? null : usageBetween(first, last, requests);
  };
  return {
    format: "razonete-contest-1",
    command: load.command,
    program: measured.program,
    shards: measured.shards,
    unlimited: measured.unlimited,
    readySeconds: measured.readySeconds,
    requests,
    services: [...submission].map(([name, { limits }]) => ({
      name,
      cpus: limits.cpus,
      memoryMegabytes: limits.memoryBytes / MEGABYTE_BYTES,
      readyMilliseconds: readyMilliseconds.get(name) ?? null,
      figures: usageOf(name),
    })),
    whole: usageOf(WHOLE_SYSTEM),
    disk: measured.disk,
    deaths: measured.crashesAndOomKills,
  };
}

function usageBetween(first: ServiceUsage, last: ServiceUsage, requests: number): UsageResult {
  return {
    cpuMicrosecondsPerRequest: requests === 0 ? 0 : (last.cpuMicroseconds - first.cpuMicroseconds) / requests,
    periods: last.periods - first.periods,
    throttledPeriods: last.throttledPeriods - first.throttledPeriods,
    throttledPeriodsAtStart: first.throttledPeriods,
    memoryHeldPeakBytes: last.memoryHeldPeakBytes,
    memoryPeakBytes: last.memoryPeakBytes,
  };
}
