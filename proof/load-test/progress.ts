import { Presets, SingleBar } from "cli-progress";
import { loadTestBounds } from "./load-test-bounds.ts";
import type { RunStatus } from "./load-test.ts";

const PHASES: Readonly<Record<RunStatus["phase"], string>> = {
  "preflight checks": "checks before the load",
  ramp: "ramp",
  steady: "steady",
  "final checks": "checks after the load",
};

/** Shows the progress of a run on standard error: a bar on a terminal, plain lines elsewhere. */
export class LoadProgress {
  readonly #status: () => RunStatus;
  readonly #bar: SingleBar | null;
  readonly #timer: Timer;
  #lastPhase: RunStatus["phase"] | null = null;

  constructor(status: () => RunStatus) {
    this.#status = status;
    const isTerminal = process.stderr.isTTY;
    this.#bar = isTerminal
      ? new SingleBar(
          {
            format: "{bar} {seconds} of {whole} s | {phase} | {rate}/s | p99 {p99} ms | {failures} failures",
            hideCursor: true,
            clearOnComplete: true,
            barsize: 24,
            // The command handles Ctrl-C itself: it ends the run, not the process.
            gracefulExit: false,
          },
          Presets.shades_classic,
        )
      : null;
    this.#bar?.start(status().secondsTotal, 0, payload(status()));
    const everyMs = isTerminal
      ? loadTestBounds.progress_terminal_milliseconds
      : loadTestBounds.progress_plain_milliseconds;
    this.#timer = setInterval(() => this.#show(), everyMs);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#bar?.stop();
  }

  #show(): void {
    const status = this.#status();
    if (this.#bar !== null) {
      this.#bar.update(status.seconds, payload(status));
      return;
    }
    // The checks have no length of their own, so their line would repeat unchanged.
    if (
      status.phase === this.#lastPhase &&
      (status.phase === "preflight checks" || status.phase === "final checks")
    )
      return;
    this.#lastPhase = status.phase;
    const { phase, seconds, whole, rate, p99, failures } = payload(status);
    console.error(
      `${seconds} of ${whole} s, ${phase}: ${rate} requests/s, p99 ${p99} ms, ${failures} failures`,
    );
  }
}

function payload(
  status: RunStatus,
): Record<"phase" | "seconds" | "whole" | "rate" | "p99" | "failures", string> {
  return {
    phase: PHASES[status.phase],
    seconds: status.seconds.toFixed(0),
    whole: Math.ceil(status.secondsTotal).toFixed(0),
    rate: status.rate.toFixed(0),
    p99: status.p99Ms.toFixed(1),
    failures: String(status.failures),
  };
}
