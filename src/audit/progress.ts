import { Presets, SingleBar } from "cli-progress";
import { bounds } from "../bounds.ts";

/** A progress bar on the standard error, if that is a terminal. Shown when an audit takes long, or will take long. */
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
            // Until it is known how much there is to do, the bar is empty.
            emptyOnZero: true,
          },
          Presets.shades_classic,
        )
      : null;
    this.#timer = setTimeout(() => this.#show(), bounds.audit_quiet_milliseconds);
  }

  /** In the unit of {@link ProgressEstimate}. */
  update(done: number, all: number): void {
    this.#done = done;
    this.#all = all;
    // The timer cannot fire while SQLite checks a file, which blocks the event loop.
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
