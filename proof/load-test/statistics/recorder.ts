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

/** Everything that a run measures: each request goes in once, when it has its outcome. */
export class Recorder {
  readonly failures = new FailureLog();
  readonly statistics = new RequestStatistics();
  readonly perSecond: PerSecondStatistics;
  readonly notes: string[] = [];
  readonly #startedAt: number;
  readonly #delays = new Latencies();
  /** Of the ramp and the steady phase, over all kinds. */
  readonly #loadLatencies = new Latencies();
  #inTime = 0;

  /** @param startedAt of the run, in milliseconds on the clock of `performance.now()` */
  constructor(shape: LoadShape, startedAt: number) {
    this.perSecond = new PerSecondStatistics(shape);
    this.#startedAt = startedAt;
  }

  /** Requests of the ramp and the steady phase, and how many of them were answered rightly and in time. */
  get load(): { readonly requests: number; readonly inTime: number; readonly p99Ms: number } {
    const latencies = this.#loadLatencies;
    return { requests: latencies.count, inTime: this.#inTime, p99Ms: latencies.percentile(99) };
  }

  addFinding(kind: RequestKind, finding: Finding): void {
    this.failures.add(kind, finding, (performance.now() - this.#startedAt) / 1000);
  }

  /** A request of the opening checks. */
  addCheck(milliseconds: number, outcome: Outcome, findings: readonly Finding[]): void {
    if (outcome.type === "failed" && outcome.reason === "cancelled") return;
    this.statistics.add("check", milliseconds, outcomeName(outcome), findings.length > 0);
    for (const finding of findings) this.addFinding("check", finding);
  }

  /** @param delayMs from when the request was due to when its connection was started */
  addSent(dueMs: number, delayMs: number): void {
    this.perSecond.addSent(dueMs);
    this.#delays.add(delayMs);
  }

  /** A request of the load has its outcome. Times in milliseconds since the ramp's start. */
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
    this.statistics.add(kind, endMs - dueMs, outcomeName(outcome), failed);
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
