import { join } from "node:path";

const MAIN = join(import.meta.dir, "../../../src/cli/main.ts");

export interface Ran {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command of the program to its end. */
export function razonete(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  cwd: string = import.meta.dir,
): Ran {
  const { exitCode, stdout, stderr } = Bun.spawnSync([process.execPath, MAIN, ...args], {
    cwd,
    env: { PATH: process.env["PATH"] ?? "", ...environment },
    stderr: "pipe",
  });
  return { exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
}
