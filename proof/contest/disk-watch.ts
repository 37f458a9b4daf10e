import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import { percentile } from "../bench/statistics.ts";

/** How long the disk took for writes of 4 kB with fdatasync, in milliseconds. */
export interface DiskTimes {
  readonly writes: number;
  readonly p50Milliseconds: number;
  readonly p99Milliseconds: number;
  readonly maxMilliseconds: number;
}

const BLOCK_BYTES = 4096;
const PAUSE_MILLISECONDS = 100;

/**
 * Measures the disk during a load, from construction to {@link end}. Every answer waits for one write like these, and a
 * shared disk sometimes stalls for longer than everything else takes together. The same block is overwritten each time,
 * so that no write makes the file grow.
 */
export class DiskWatch {
  readonly #file: string;
  readonly #watching: Promise<void>;
  readonly #times: number[] = [];
  #ended = false;

  constructor(folder: string) {
    this.#file = join(folder, "disk-watch");
    this.#watching = this.#watch();
    // An error is reported by `end`.
    this.#watching.catch(() => {});
  }

  /** How many writes count so far. The first one allocates the block, and does not. */
  get writes(): number {
    return Math.max(0, this.#times.length - 1);
  }

  /** Rejects if the folder is not writable. */
  async end(): Promise<DiskTimes> {
    this.#ended = true;
    await this.#watching;
    const times = this.#times.slice(1);
    return {
      writes: times.length,
      p50Milliseconds: percentile(times, 0.5),
      p99Milliseconds: percentile(times, 0.99),
      maxMilliseconds: percentile(times, 1),
    };
  }

  async #watch(): Promise<void> {
    const handle = await open(this.#file, "w");
    try {
      const block = new Uint8Array(BLOCK_BYTES);
      while (!this.#ended) {
        const begun = performance.now();
        await handle.write(block, 0, BLOCK_BYTES, 0);
        await handle.datasync();
        this.#times.push(performance.now() - begun);
        await Bun.sleep(PAUSE_MILLISECONDS);
      }
    } finally {
      await handle.close();
      await rm(this.#file, { force: true });
    }
  }
}
