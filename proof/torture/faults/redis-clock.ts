import { spawnSync } from "node:child_process";
import { closeSync, openSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const SOURCE = fileURLToPath(new URL("./clock-shim.c", import.meta.url));

/** Why a process's clock cannot be shifted on this machine; null if it can. */
export function whyNoClock(): string | null {
  if (process.platform !== "linux") return "LD_PRELOAD is Linux's";
  return spawnSync("gcc", ["--version"]).status === 0 ? null : "there is no gcc to build what moves it";
}

/** The wall clock of the processes that are started with {@link environment}. */
export class RedisClock {
  readonly environment: Readonly<Record<string, string>>;
  readonly #file: string;
  readonly #jumps: number[] = [];

  /**
   * @param folder for the library
   * @throws Error if the library cannot be built
   */
  constructor(folder: string) {
    const library = join(folder, "clock-shim.so");
    const gcc = spawnSync("gcc", ["-shared", "-fPIC", "-O1", "-o", library, SOURCE], { encoding: "utf8" });
    if (gcc.status !== 0) throw new Error(`clock-shim.c cannot be built: ${gcc.stderr}`);
    this.#file = join(folder, "clock-offset");
    writeFileSync(this.#file, Buffer.alloc(8));
    this.environment = { LD_PRELOAD: library, RAZONETE_CLOCK: this.#file };
  }

  /**
   * Several jumps at once add up.
   *
   * @returns a function that jumps back
   */
  jump(seconds: number): () => void {
    this.#jumps.push(seconds);
    this.#write();
    return () => {
      this.#jumps.splice(this.#jumps.indexOf(seconds), 1);
      this.#write();
    };
  }

  #write(): void {
    const seconds = this.#jumps.reduce((sum, jump) => sum + jump, 0);
    const offset = Buffer.alloc(8);
    offset.writeBigInt64LE(BigInt(seconds) * 1_000_000n);
    // In place: Redis has this file mapped.
    const file = openSync(this.#file, "r+");
    writeSync(file, offset, 0, offset.length, 0);
    closeSync(file);
  }
}
