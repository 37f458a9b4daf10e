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
 * Measures the disk beside a load: every answer waits for one write like these, and a disk that is shared stalls now
 * and then for longer than all else takes together. Over the same block again, so that no write makes the file grow.
 *
 * @returns ends it; rejects where the folder cannot be written in
 */
export function watchDisk(folder: string): () => Promise<DiskTimes> {
  const file = join(folder, "disk-watch");
  const times: number[] = [];
  let ended = false;
  const watching = (async () => {
    const handle = await open(file, "w");
    try {
      const block = new Uint8Array(BLOCK_BYTES);
      while (!ended) {
        const begun = performance.now();
        await handle.write(block, 0, BLOCK_BYTES, 0);
        await handle.datasync();
        times.push(performance.now() - begun);
        await Bun.sleep(PAUSE_MILLISECONDS);
      }
    } finally {
      await handle.close();
      await rm(file, { force: true });
    }
  })();
  // Told to whoever ends it.
  watching.catch(() => {});
  return async () => {
    ended = true;
    await watching;
    // The first one makes the block.
    const later = times.slice(1);
    return {
      writes: later.length,
      p50Milliseconds: percentile(later, 0.5),
      p99Milliseconds: percentile(later, 0.99),
      maxMilliseconds: percentile(later, 1),
    };
  };
}
