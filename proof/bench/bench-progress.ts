import { Presets, SingleBar } from "cli-progress";

/** How far a measurement is, on the standard error where that is a terminal. */
export class BenchProgress {
  readonly #bar: SingleBar | null;

  /** @param whole in steps */
  constructor(title: string, whole: number) {
    this.#bar = process.stderr.isTTY
      ? new SingleBar(
          // Ctrl-C is the command's: it ends the run in order, not the process.
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
