import { bounds } from "../../bounds.ts";

/** Pauses in the reading of many rows. */
export class Pace {
  readonly #onRows: (rows: number) => void;
  #rows = 0;

  /** @param onRows told how many rows were read since the last time */
  constructor(onRows: (rows: number) => void = () => {}) {
    this.#onRows = onRows;
  }

  /** Counts rows. @returns whether a pause is due */
  read(rows: number): boolean {
    this.#rows += rows;
    return this.#rows >= bounds.audit_pause_rows;
  }

  async pause(): Promise<void> {
    this.end();
    // There are objects for each row: without this the garbage collector lets them grow to hundreds of megabytes.
    Bun.gc(true);
    // Lets the progress bar update.
    await Bun.sleep(0);
  }

  /** After the last row. */
  end(): void {
    if (this.#rows > 0) this.#onRows(this.#rows);
    this.#rows = 0;
  }
}
