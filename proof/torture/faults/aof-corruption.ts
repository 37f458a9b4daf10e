import { closeSync, openSync, rmSync, statSync, truncateSync, writeFileSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { newestAofPart } from "../../../src/stack/aof-repair.ts";

const LOG_FOLDER = "appendonlydir";

/**
 * A transaction as Redis logs the changes of a function. Only parts of it are written here, since nobody got an answer.
 */
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
/** The whole transaction would not be a torn one. */
export const TORN_BYTES_MAX: number = TRANSACTION.length - 1;

/**
 * Damages Redis's append-only log on disk, while Redis is not running.
 */
export class AofCorruptor {
  readonly folder: string;

  /** @param folder Redis's working folder */
  constructor(folder: string) {
    this.folder = join(folder, LOG_FOLDER);
  }

  /**
   * Cuts the last bytes off, as if they had never reached the disk.
   *
   * @returns how many; fewer than asked for if the log has grown by less since Redis last rewrote it
   */
  cut(bytes: number): number {
    const { path, size } = this.#newest();
    const taken = Math.min(bytes, size);
    truncateSync(path, size - taken);
    return taken;
  }

  /**
   * Overwrites the last bytes with zeros, as when a file system has stored a file's length but not its contents. Redis
   * 7.0 refuses such a log, but takes it for a truncated one if the zeros begin within a long value.
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

  /** Appends the first bytes of a transaction: a write that was under way when the power failed. */
  appendTornWrite(bytes: number): void {
    const { path } = this.#newest();
    writeFileSync(path, TRANSACTION.subarray(0, bytes), { flag: "a" });
  }

  #newest(): { path: string; size: number } {
    const path = newestAofPart(dirname(this.folder));
    if (path === null) throw new Error("Redis has no log");
    return { path, size: statSync(path).size };
  }
}
