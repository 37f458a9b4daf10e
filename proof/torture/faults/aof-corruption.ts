import { closeSync, openSync, rmSync, statSync, truncateSync, writeFileSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { newestAofPart } from "../../../src/stack/aof-repair.ts";

const LOG_FOLDER = "appendonlydir";

/** As Redis writes down what a function has changed. Only parts of it are ever written here: nobody was answered. */
const TRANSACTION = Buffer.from(
  [
    "*1",
    "$5",
    "MULTI",
    "*4",
    "$4",
    "HSET",
    "$16",
    "razonete:{0}:tor",
    "$1",
    "a",
    "$1",
    "b",
    "*1",
    "$4",
    "EXEC",
    "",
  ].join("\r\n"),
);
/** A whole one would be no torn one. */
export const TORN_BYTES_MAX: number = TRANSACTION.length - 1;

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

  /** Leaves the first bytes of a transaction at the end: a write that was under way when the power failed. */
  tear(bytes: number): void {
    const { path } = this.#newest();
    writeFileSync(path, TRANSACTION.subarray(0, bytes), { flag: "a" });
  }

  #newest(): { path: string; size: number } {
    const path = newestAofPart(dirname(this.folder));
    if (path === null) throw new Error("Redis has no log");
    return { path, size: statSync(path).size };
  }
}
