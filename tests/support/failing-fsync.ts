import { spawnSync } from "node:child_process";
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Why a server whose fsync fails cannot be had on this machine; `null` where it can. */
export function whyNoFailingFsync(): string | null {
  if (process.platform !== "linux") return "LD_PRELOAD is Linux's";
  return spawnSync("gcc", ["--version"]).status === 0 ? null : "there is no gcc";
}

export interface FailingFsync {
  /** For the server's environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** The next `times` calls of fsync and fdatasync fail. */
  fail(times: number): void;
  heal(): void;
}

/** @param folder where the library is built */
export function buildFailingFsync(folder: string): FailingFsync {
  const library = join(folder, "failing-fsync.so");
  const flag = join(folder, "fsyncs-to-fail");
  const source = join(import.meta.dir, "failing-fsync.c");
  const gcc = spawnSync("gcc", ["-shared", "-fPIC", "-O1", "-o", library, source], { encoding: "utf8" });
  if (gcc.status !== 0) throw new Error(gcc.stderr);
  return {
    environment: { LD_PRELOAD: library, FAILING_FSYNC: flag },
    fail: (times) => {
      // In its place at once: a server that finds the file empty takes it for used up, and removes it.
      writeFileSync(`${flag}.new`, `${String(times).padEnd(20)}\n`);
      renameSync(`${flag}.new`, flag);
    },
    heal: () => rmSync(flag, { force: true }),
  };
}
