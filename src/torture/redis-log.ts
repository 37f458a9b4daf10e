import { spawnSync } from "node:child_process";
import { closeSync, openSync, readdirSync, rmSync, statSync, truncateSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";

const LOG_FOLDER = "appendonlydir";

/**
 * Redis's append-only log on disk, damaged. For a Redis that is not running.
 */
export class RedisLog {
  readonly folder: string;

  /** @param folder the one in which Redis works */
  constructor(folder: string) {
    this.folder = join(folder, LOG_FOLDER);
  }

  /**
   * Takes the last bytes away, as if they had never reached the disk.
   *
   * @returns how many: fewer where there are no more since Redis last rewrote the log
   */
  cut(bytes: number): number {
    const { path, size } = this.#newest();
    const taken = Math.min(bytes, size);
    truncateSync(path, size - taken);
    return taken;
  }

  /**
   * Makes the last bytes zeros, as a file system does that knew of a file's length before its contents. Redis 7.0
   * refuses such a log, but takes it for a cut one where the zeros begin within a long value.
   */
  zero(bytes: number): number {
    const { path, size } = this.#newest();
    const taken = Math.min(bytes, size);
    const file = openSync(path, "r+");
    writeSync(file, Buffer.alloc(taken), 0, taken, size - taken);
    closeSync(file);
    return taken;
  }

  empty(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Bytes since Redis last rewrote the log. */
  get size(): number {
    return this.#newest().size;
  }

  /**
   * What its manual says to do with a log that Redis refuses.
   *
   * @param redisServer the path of the program, beside which the mending one stands
   */
  mend(redisServer: string): void {
    const check = join(dirname(redisServer), "redis-check-aof");
    spawnSync(check, ["--fix", this.#newest().path], { input: "y\n" });
  }

  /** The part of the log that is being written: it has the highest number. */
  #newest(): { path: string; size: number } {
    const parts = readdirSync(this.folder).flatMap((name) => {
      const number = /\.(\d+)\.incr\.aof$/.exec(name)?.[1];
      return number === undefined ? [] : [{ number: Number(number), path: join(this.folder, name) }];
    });
    const newest = parts.toSorted((a, b) => b.number - a.number)[0];
    if (newest === undefined) throw new Error("Redis has no log");
    return { path: newest.path, size: statSync(newest.path).size };
  }
}
