import { contestRules } from "../contest-rules.ts";
import { outcomeName } from "../checks/answer-checker.ts";
import { FailureLog, type Finding } from "../checks/checks.ts";
import { RequestStatistics } from "./request-statistics.ts";
import { Latencies } from "./latencies.ts";
import type { Outcome } from "../http/connection.ts";
import type { GeneratorResult, RequestKind } from "../run-result.ts";
import { loadTestBounds } from "../load-test-bounds.ts";
import type { LoadShape } from "../phases/schedule.ts";
import { PerSecondStatistics } from "./per-second.ts";

/** Collects everything that a run measures. Each request is added once, when it has its outcome. */
export class Recorder {
  readonly failures = new FailureLog();
  readonly statistics = new RequestStatistics();
  readonly perSecond: PerSecondStatistics;
  readonly notes: string[] = [];
  readonly #startedAt: number;
  readonly #delays = new Latencies();
  /** Of the ramp and the steady phase, of all kinds together. */
  readonly #loadLatencies = new Latencies();
  #inTime = 0;

  /** @param startedAt start of the run, in milliseconds on the clock of `performance.now()` */
  constructor(shape: LoadShape, startedAt: number) {
    this.perSecond = new PerSecondStatistics(shape);
    this.#startedAt = startedAt;
  }

  /** Requests of the ramp and the steady phase, and how many of them were answered correctly and in time. */
  get load(): { readonly requests: number; readonly inTime: number; readonly p99Ms: number } {
    const latencies = this.#loadLatencies;
    return { requests: latencies.count, inTime: this.#inTime, p99Ms: latencies.percentile(99) };
  }

  addFinding(kind: RequestKind, finding: Finding): void {
    this.statistics.addFailure(kind);
    this.failures.add(kind, finding, (performance.now() - this.#startedAt) / 1000);
  }

  /** A request of the preflight checks has its outcome. */
  addCheck(milliseconds: number, outcome: Outcome, findings: readonly Finding[]): void {
    if (outcome.type === "failed" && outcome.reason === "cancelled") return;
    this.statistics.add("check", milliseconds, outcomeName(outcome));
    for (const finding of findings) this.addFinding("check", finding);
  }

  /** @param delayMs from the due time of the request to the start of its connection */
  addSent(dueMs: number, delayMs: number): void {
    this.perSecond.addSent(dueMs);
    this.#delays.add(delayMs);
  }

  /** A request of the load has its outcome. Times are in milliseconds since the start of the ramp. */
  addOutcome(
    kind: RequestKind,
    dueMs: number,
    endMs: number,
    outcome: Outcome,
    findings: readonly Finding[],
  ): void {
    if (outcome.type === "failed" && outcome.reason === "cancelled") {
      this.perSecond.addCancelled(dueMs);
      return;
    }
    const failed = findings.length > 0;
    this.#loadLatencies.add(endMs - dueMs);
    if (!failed && endMs - dueMs < contestRules.answered_within_milliseconds) this.#inTime += 1;
    this.statistics.add(kind, endMs - dueMs, outcomeName(outcome));
    this.perSecond.addOutcome(dueMs, endMs, outcome.type === "answered", failed);
    for (const finding of findings) this.addFinding(kind, finding);
  }

  generator(): GeneratorResult {
    const delayP99Ms = this.#delays.percentile(99);
    return {
      delayP50Ms: this.#delays.percentile(50),
      delayP99Ms,
      delayMaxMs: this.#delays.maxMs,
      bottleneck: delayP99Ms >= loadTestBounds.generator_delay_p99_milliseconds_max,
    };
  }
}
