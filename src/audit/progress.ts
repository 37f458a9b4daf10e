import { Presets, SingleBar } from "cli-progress";
import { limits } from "../limits.ts";

/** A bar on the standard error, where that is a terminal, once an audit has taken a while. */
export class Progress {
  readonly #bar: SingleBar | null;
  readonly #timer: ReturnType<typeof setTimeout>;
  #done = 0;
  #all = 0;
  #shown = false;

  constructor() {
    this.#bar = process.stderr.isTTY
      ? new SingleBar(
          {
            format: "{bar} {value} of {total} entries",
            hideCursor: true,
            clearOnComplete: true,
            barsize: 24,
          },
          Presets.shades_classic,
        )
      : null;
    this.#timer = setTimeout(() => {
      this.#shown = true;
      this.#bar?.start(this.#all, this.#done);
    }, limits.audit_quiet_milliseconds);
  }

  update(done: number, all: number): void {
    this.#done = done;
    this.#all = all;
    if (!this.#shown) return;
    this.#bar?.setTotal(all);
    this.#bar?.update(done);
  }

  stop(): void {
    clearTimeout(this.#timer);
    if (this.#shown) this.#bar?.stop();
  }
}
