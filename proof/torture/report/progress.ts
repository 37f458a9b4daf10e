import { MultiBar, Presets, type SingleBar } from "cli-progress";
import type { TortureProgress } from "../options.ts";
import { faultText, faultActionText } from "./fault-text.ts";

const PLAIN_MILLISECONDS = 5_000;

const PHASES = { load: "load and harm", recovery: "coming up again", check: "checking" } as const;

/**
 * Shows a run's progress: a line for each fault, and below them a bar on a terminal, or elsewhere a line now and then.
 */
export class ProgressDisplay {
  readonly #say: (line: string) => void;
  readonly #bars: MultiBar | null;
  readonly #seconds: number;
  readonly #shown = new Set<string>();
  #bar: SingleBar | null = null;
  #plainAt = 0;

  /** @param say prints a line if there is no bar */
  constructor(seconds: number, say: (line: string) => void) {
    this.#seconds = seconds;
    this.#say = say;
    this.#bars = process.stderr.isTTY
      ? new MultiBar(
          {
            format:
              "{bar} {value} of {total} s | round {round} of {rounds}, {phase} | {requests} requests, {unknown} unknown",
            hideCursor: true,
            clearOnComplete: true,
            barsize: 24,
            forceRedraw: true,
            // The command handles Ctrl-C: it ends the run, not the process.
            gracefulExit: false,
          },
          Presets.shades_classic,
        )
      : null;
  }

  show(progress: TortureProgress): void {
    switch (progress.type) {
      case "starting":
        this.#line(progress.line);
        break;
      case "started":
        for (const { kind, what, reason } of progress.unsupportedFaults) {
          this.#once(`SKIPPED here: ${kind}, ${what}: ${reason}`);
        }
        break;
      case "load":
        this.#load(progress);
        break;
      case "fault-begins":
        this.#line(`${at(progress.atSeconds)} ${faultText(progress.fault)}`);
        break;
      case "fault-ended": {
        const { fault, skipped } = progress.record;
        if (skipped !== null)
          this.#once(
            `SKIPPED: ${faultActionText(fault.action)}: ${skipped}`,
            `${fault.action.type} ${skipped}`,
          );
        break;
      }
      case "round-checked": {
        const { counts, violations } = progress.verdict;
        const found = violations.length === 0 ? "nothing found" : `${violations.length} VIOLATIONS`;
        this.#line(
          `round ${progress.round}: ${counts.requests} requests, ${counts.unknown} unknown: ${found}`,
        );
        break;
      }
    }
  }

  stop(): void {
    this.#bars?.stop();
  }

  #load(progress: Extract<TortureProgress, { type: "load" }>): void {
    const { round, rounds, requests, unknown } = progress;
    const phase = PHASES[progress.phase];
    const seconds = Math.floor(progress.loadSeconds);
    if (this.#bars !== null) {
      const payload = { round, rounds, phase, requests, unknown };
      this.#bar ??= this.#bars.create(this.#seconds, 0, payload);
      this.#bar.update(seconds, payload);
      return;
    }
    if (performance.now() - this.#plainAt < PLAIN_MILLISECONDS) return;
    this.#plainAt = performance.now();
    this.#say(
      `${seconds} of ${this.#seconds} s, round ${round} of ${rounds}, ${phase}: ${requests} requests, ${unknown} unknown`,
    );
  }

  /** What is the same for many faults is shown once. */
  #once(line: string, id = line): void {
    if (this.#shown.has(id)) return;
    this.#shown.add(id);
    this.#line(line);
  }

  #line(line: string): void {
    // Before the bar is shown, a line cannot break it.
    if (this.#bars === null || this.#bar === null) this.#say(line);
    else this.#bars.log(`${line}\n`);
  }
}

function at(seconds: number): string {
  return `${seconds.toFixed(1).padStart(6)} s`;
}
