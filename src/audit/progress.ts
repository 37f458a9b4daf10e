import { Presets, SingleBar } from "cli-progress";
import { bounds } from "../bounds.ts";

/** A bar on the standard error, where that is a terminal, once an audit has taken a while, or is going to. */
export class ProgressBar {
  readonly #bar: SingleBar | null;
  readonly #timer: ReturnType<typeof setTimeout>;
  #done = 0;
  #all = 0;
  #shown = false;

  constructor() {
    this.#bar = process.stderr.isTTY
      ? new SingleBar(
          {
            format: "{bar} {percentage} %",
            hideCursor: true,
            clearOnComplete: true,
            barsize: 24,
            // Before it is known how much there is to do, nothing is done.
            emptyOnZero: true,
          },
          Presets.shades_classic,
        )
      : null;
    this.#timer = setTimeout(() => this.#show(), bounds.audit_quiet_milliseconds);
  }

  /** In what {@link ProgressEstimate} counts. */
  update(done: number, all: number): void {
    this.#done = done;
    this.#all = all;
    // SQLite's look at a file lets no timer run.
    if (all > bounds.audit_quiet_work_max) this.#show();
    if (!this.#shown) return;
    this.#bar?.setTotal(all);
    this.#bar?.update(done);
  }

  stop(): void {
    clearTimeout(this.#timer);
    if (this.#shown) this.#bar?.stop();
  }

  #show(): void {
    if (this.#shown) return;
    this.#shown = true;
    this.#bar?.start(this.#all, this.#done);
  }
}
