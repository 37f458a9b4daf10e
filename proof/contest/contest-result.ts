import type { RunResult } from "../load-test/run-result.ts";
import type { DiskTimes } from "./disk-watch.ts";
import { MEGABYTE_BYTES, type Submission } from "./submission.ts";
import { type ServiceUsage, WHOLE_SYSTEM } from "./resource-usage.ts";

/** What a run under the contest's limits showed of the system itself, as it is written beside the load test's result. */
export interface ContestResult {
  /** Changes when a reader of older files would misread newer ones. */
  readonly format: "razonete-contest-1";
  /** A command line that repeats this run. */
  readonly command: string;
  /** What the ledger's own processes ran from. */
  readonly program: "executable" | "source";
  /** Why no limits were set, for a person; null where they were. */
  readonly unlimited: string | null;
  /** From an empty data folder to the first answer through the balancer: the database's making is in it. */
  readonly readySeconds: number;
  /** Of the load test: what `cpuMicrosecondsPerRequest` is a share of. */
  readonly requests: number;
  readonly services: readonly ServiceResult[];
  readonly whole: UsageResult | null;
  /** While the load test ran, where the system keeps its data. */
  readonly disk: DiskTimes;
  /** Processes that ended by themselves, or by the kernel for want of memory; in words. */
  readonly deaths: readonly string[];
}

export interface ServiceResult {
  readonly name: string;
  readonly cpus: number;
  readonly memoryMegabytes: number;
  /** From its own start until it did its work; null for one that did not get there. */
  readonly readyMilliseconds: number | null;
  /** Null where there were no control groups to count it. */
  readonly figures: UsageResult | null;
}

export interface UsageResult {
  /** User and system, while the load test ran, by its requests. */
  readonly cpuMicrosecondsPerRequest: number;
  /** Periods of 100 ms in which it wanted to run, and those in which it had to wait; while the load test ran. */
  readonly periods: number;
  readonly throttledPeriods: number;
  /** From its start until the load test began. */
  readonly throttledPeriodsAtStart: number;
  /** The highest amount that could not be dropped: without files. */
  readonly memoryHeldPeakBytes: number;
  /** The kernel's peak, with files that stay in memory as long as there is room. */
  readonly memoryPeakBytes: number;
}

export interface ContestMeasurement {
  readonly submission: Submission;
  readonly program: ContestResult["program"];
  readonly unlimited: string | null;
  readonly readySeconds: number;
  readonly readyMilliseconds: ReadonlyMap<string, number>;
  /** Before and after the load; empty where nothing counted. */
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
