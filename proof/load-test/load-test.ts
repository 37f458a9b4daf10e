import { availableParallelism, cpus, totalmem } from "node:os";
import { answerMilliseconds, loadTestBounds } from "./load-test-bounds.ts";
import { Client } from "./http/client.ts";
import { closingChecks } from "./phases/final-checks.ts";
import { contest } from "./contest-rules.ts";
import { LoadPhase } from "./phases/load-phase.ts";
import { Opening } from "./phases/preflight-checks.ts";
import { Recorder } from "./statistics/recorder.ts";
import { Requests } from "./http/requests.ts";
import type { RunResult } from "./run-result.ts";
import { Rig } from "./run-context.ts";
import { loadSeconds, rampSeconds, rateAt, type Shape } from "./phases/schedule.ts";
import type { Target } from "./http/load-target.ts";
import { verdictOf } from "./checks/verdict.ts";

export interface LoadTestOptions extends Shape {
  readonly target: Target;
  readonly seed: number;
}

/** How a run is going, to be shown while it does. */
export interface Status {
  readonly phase: "opening" | "ramp" | "steady" | "closing";
  /** Of the load: 0 to `secondsTotal`. */
  readonly seconds: number;
  readonly secondsTotal: number;
  /** Requests a second that are due at this time. */
  readonly rate: number;
  /** Of the load so far. */
  readonly p99Ms: number;
  readonly failures: number;
}

/** One run of the contest's test, from the first check to the verdict. */
export class LoadTest {
  readonly #options: LoadTestOptions;
  readonly #startedAt = performance.now();
  readonly #recorder: Recorder;
  readonly #interruption = new AbortController();
  #load: LoadPhase | null = null;
  #closing = false;

  constructor(options: LoadTestOptions) {
    this.#options = options;
    this.#recorder = new Recorder(options, this.#startedAt);
  }

  /** Runs it all, once. */
  async run(): Promise<RunResult> {
    const startedAt = new Date();
    const { target, scale, seed } = this.#options;
    const client = new Client(target.address, answerMilliseconds(scale));
    try {
      const rig = new Rig(client, new Requests(target), this.#recorder, this.#interruption.signal);
      this.#interruption.signal.addEventListener("abort", () => {
        this.#load?.stop();
        client.hurry(loadTestBounds.interrupted_milliseconds_max);
      });
      const answers = await new Opening(rig).run();
      if (!answers)
        this.#recorder.notes.push("no account answered at the start, so that the load was not run");
      if (answers && !rig.interrupted) {
        this.#load = new LoadPhase(rig, this.#options, seed);
        await this.#load.run();
      }
      this.#closing = true;
      await closingChecks(rig);
      return this.#result(startedAt, answers && !rig.interrupted);
    } finally {
      client.close();
    }
  }

  /** Ends the run soon, with what was measured so far. */
  interrupt(): void {
    this.#interruption.abort();
  }

  status(): Status {
    const secondsTotal = loadSeconds(this.#options);
    const seconds = this.#closing ? secondsTotal : Math.min(secondsTotal, this.#load?.seconds ?? 0);
    return {
      phase: this.#phase(seconds),
      seconds,
      secondsTotal,
      rate: this.#load === null || this.#closing ? 0 : rateAt(this.#options, seconds),
      p99Ms: this.#recorder.load.p99Ms,
      failures: this.#recorder.failures.total,
    };
  }

  #phase(seconds: number): Status["phase"] {
    if (this.#closing) return "closing";
    if (this.#load === null) return "opening";
    return seconds < rampSeconds(this.#options) ? "ramp" : "steady";
  }

  #result(startedAt: Date, complete: boolean): RunResult {
    const { target, seed, scale, rate } = this.#options;
    const { url } = target;
    const { figures, failures, notes, load, timeline } = this.#recorder;
    this.#judgeSpeed();
    return {
      format: "razonete-load-1",
      url,
      seed,
      scale,
      rate,
      command: `npm run rinha -- --url ${url} --scale ${scale} --rate ${rate} --seed ${seed}`,
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
      total: figures.total(),
      kinds: figures.kinds(),
      timeline: timeline.seconds(),
      distribution: figures.latencies.distribution(),
      failures: failures.kept,
      failuresTotal: failures.total,
      notes,
      generator: this.#recorder.generator(),
    };
  }

  #judgeSpeed(): void {
    const { requests, inTime } = this.#recorder.load;
    const percent = (100 * inTime) / requests;
    if (requests === 0 || percent >= contest.answered_within_percent) return;
    const message =
      `${percent.toFixed(2)} % of the requests were answered rightly within ${contest.answered_within_milliseconds} ms, ` +
      `should be ${contest.answered_within_percent} %`;
    this.#recorder.finding("check", { check: "too-slow", message });
  }
}
