import { Presets, SingleBar } from "cli-progress";

/** Shows the progress of a measurement on standard error, if that is a terminal. */
export class BenchProgress {
  readonly #bar: SingleBar | null;

  /** @param whole the number of steps */
  constructor(title: string, whole: number) {
    this.#bar = process.stderr.isTTY
      ? new SingleBar(
          // The command handles Ctrl-C itself: it ends the run in order, not the process.
          {
            format: `{bar} ${title}`,
            hideCursor: true,
            clearOnComplete: true,
            barsize: 24,
            gracefulExit: false,
          },
          Presets.shades_classic,
        )
      : null;
    this.#bar?.start(whole, 0);
  }

  step(by = 1): void {
    this.#bar?.increment(by);
  }

  stop(): void {
    this.#bar?.stop();
  }
}
