import { availableParallelism, cpus, totalmem } from "node:os";
import { answerTimeoutMilliseconds, loadTestBounds } from "./load-test-bounds.ts";
import { Client } from "./http/client.ts";
import { runFinalChecks } from "./phases/final-checks.ts";
import { contestRules } from "./contest-rules.ts";
import { LoadPhase } from "./phases/load-phase.ts";
import { PreflightChecks } from "./phases/preflight-checks.ts";
import { Recorder } from "./statistics/recorder.ts";
import { Requests } from "./http/requests.ts";
import type { RunResult } from "./run-result.ts";
import { RunContext } from "./run-context.ts";
import { loadSeconds, rampSeconds, rateAt, type LoadShape } from "./phases/schedule.ts";
import type { LoadTarget } from "./http/load-target.ts";
import { verdictOf } from "./checks/verdict.ts";

export interface LoadTestOptions extends LoadShape {
  readonly target: LoadTarget;
  readonly seed: number;
  /** How long a request may take, in seconds. Default: as in the contest, and shorter if the phases are shorter. */
  readonly timeout?: number | undefined;
}

/** The state of a run while it is running, for the progress display. */
export interface RunStatus {
  readonly phase: "preflight checks" | "ramp" | "steady" | "final checks";
  /** Of the load: 0 to `secondsTotal`. */
  readonly seconds: number;
  readonly secondsTotal: number;
  /** Requests a second that are due now. */
  readonly rate: number;
  /** Of the load so far. */
  readonly p99Ms: number;
  readonly failures: number;
}

/** One run of the contest's load test, from the first check to the verdict. */
export class LoadTest {
  readonly #options: LoadTestOptions;
  readonly #startedAt = performance.now();
  readonly #recorder: Recorder;
  readonly #interruption = new AbortController();
  #load: LoadPhase | null = null;
  #inFinalChecks = false;

  constructor(options: LoadTestOptions) {
    this.#options = options;
    this.#recorder = new Recorder(options, this.#startedAt);
  }

  /**
   * Runs the whole test. Call it once.
   *
   * @throws {StartError} (exit code 2) if the system is not fresh; then nothing was sent that changes it
   */
  async run(): Promise<RunResult> {
    const startedAt = new Date();
    const { target, scale, seed, timeout } = this.#options;
    const client = new Client(
      target.address,
      timeout === undefined ? answerTimeoutMilliseconds(scale) : timeout * 1000,
    );
    try {
      const context = new RunContext(client, new Requests(target), this.#recorder, this.#interruption.signal);
      this.#interruption.signal.addEventListener("abort", () => {
        this.#load?.stop();
        client.shortenTimeout(loadTestBounds.interrupted_milliseconds_max);
      });
      const answers = await new PreflightChecks(context).run();
      if (!answers)
        this.#recorder.notes.push("no account answered at the start, so that the load was not run");
      if (answers && !context.interrupted) {
        this.#load = new LoadPhase(context, this.#options, seed);
        await this.#load.run();
      }
      this.#inFinalChecks = true;
      await runFinalChecks(context);
      return this.#result(startedAt, answers && !context.interrupted);
    } finally {
      client.close();
    }
  }

  /** Ends the run soon. The result holds what was measured so far. */
  interrupt(): void {
    this.#interruption.abort();
  }

  status(): RunStatus {
    const secondsTotal = loadSeconds(this.#options);
    const seconds = this.#inFinalChecks ? secondsTotal : Math.min(secondsTotal, this.#load?.seconds ?? 0);
    return {
      phase: this.#phase(seconds),
      seconds,
      secondsTotal,
      rate: this.#load === null || this.#inFinalChecks ? 0 : rateAt(this.#options, seconds),
      p99Ms: this.#recorder.load.p99Ms,
      failures: this.#recorder.failures.total,
    };
  }

  #phase(seconds: number): RunStatus["phase"] {
    if (this.#inFinalChecks) return "final checks";
    if (this.#load === null) return "preflight checks";
    return seconds < rampSeconds(this.#options) ? "ramp" : "steady";
  }

  #result(startedAt: Date, complete: boolean): RunResult {
    const { target, seed, scale, rate, timeout } = this.#options;
    const { url } = target;
    const given = timeout === undefined ? "" : ` --timeout ${timeout}`;
    const { statistics, failures, notes, load, perSecond } = this.#recorder;
    this.#checkSpeed();
    return {
      format: "razonete-load-1",
      url,
      seed,
      scale,
      rate,
      command: `npm run rinha -- --url ${url} --scale ${scale} --rate ${rate} --seed ${seed}${given}`,
      startedAt: startedAt.toISOString(),
      durationSeconds: Math.round(performance.now() - this.#startedAt) / 1000,
      complete,
      machine: { cpu: cpus()[0]?.model ?? "unknown", cores: availableParallelism(), memoryBytes: totalmem() },
      verdict: verdictOf({
        complete,
        requests: load.requests,
        inTime: load.inTime,
        failures: failures.total,
        inconsistencies: failures.inconsistencies,
      }),
      total: statistics.total(),
      kinds: statistics.kinds(),
      timeline: perSecond.seconds(),
      distribution: statistics.latencies.distribution(),
      failures: failures.recorded,
      failuresTotal: failures.total,
      notes,
      generator: this.#recorder.generator(),
    };
  }

  #checkSpeed(): void {
    const { requests, inTime } = this.#recorder.load;
    const percent = (100 * inTime) / requests;
    if (requests === 0 || percent >= contestRules.answered_within_percent) return;
    const message =
      `${percent.toFixed(2)} % of the requests were answered rightly within ${contestRules.answered_within_milliseconds} ms, ` +
      `should be ${contestRules.answered_within_percent} %`;
    this.#recorder.addFinding("check", { check: "too-slow", message });
  }
}
