import { join } from "node:path";
import { z } from "zod";

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

/** @returns the token of the new key */
export function createKey(
  target: readonly string[],
  name = "shop",
  environment: Readonly<Record<string, string>> = {},
): string {
  const args = ["keys", "create", "--name", name, "--scopes", "accounts:read", "--json", ...target];
  const { exitCode, stdout, stderr } = razonete(args, environment);
  if (exitCode !== 0) throw new Error(`razonete keys create: ${stderr}`);
  return z.object({ key: z.string() }).parse(JSON.parse(stdout)).key;
}
