import { expect } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { ensureWrk } from "../../proof/bench/wrk.ts";
import { messageOf } from "../../src/errors.ts";
import { processesOf } from "./running-stack.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const ROOT = join(import.meta.dir, "../..");

/**
 * Starts `npm run bench` as a person would.
 *
 * @param folder for its data
 */
export function startBench(folder: string, ...args: readonly string[]) {
  const bench = Bun.spawn([process.execPath, "proof/cli/main.ts", "bench", ...args], {
    cwd: ROOT,
    env: { ...process.env, TMPDIR: folder },
    stdio: ["ignore", "pipe", "pipe"],
  });
  return Object.assign(bench, { said: new Response(bench.stderr).text() });
}

/** Runs it to its end. It must succeed and leave nothing behind. */
export async function benchToTheEnd(...args: readonly string[]): Promise<{ output: string; said: string }> {
  using folder = temporaryFolder();
  const bench = startBench(folder.path, ...args, "--json");
  const output = await new Response(bench.stdout).text();
  const said = await bench.said;
  expect({ code: await bench.exited, said }).toEqual({ code: 0, said });
  expect(readdirSync(folder.path)).toEqual([]);
  expect(processesOf(folder.path)).toEqual([]);
  return { output, said };
}

/** Why nothing can be measured here, which is also said aloud; null where it can. Installs wrk where it may. */
export function wrkMissing(): string | null {
  try {
    ensureWrk();
    return null;
  } catch (error) {
    console.error(`SKIPPED: ${messageOf(error)}`);
    return messageOf(error);
  }
}
