import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ENVIRONMENT } from "../../src/config.ts";
import { StartError } from "../../src/errors.ts";
import { identityOf } from "../../src/stack/process-identity.ts";
import { lastLines } from "../../src/stack/logs.ts";
import type { StackDescription } from "../../src/stack/stack-file.ts";
import { readStats, treeOf } from "./process-cpu.ts";
import type { TargetLocation, BenchTarget } from "./bench-target.ts";

/** The checkout that this file belongs to. */
export const THIS_CHECKOUT = fileURLToPath(new URL("../..", import.meta.url));

const POLL_MILLISECONDS = 20;
const START_SECONDS_MAX = 300;
const SETTLE_SECONDS_MAX = 300;

export interface StackTarget extends BenchTarget {
  /** The present content of `stack.json`. */
  readonly description: () => StackDescription;
  /** From the start of its first process to the first answer through HAProxy. */
  readonly readySeconds: number;
  /** Kills every process at once, as a power loss would. The data stays. */
  kill(): Promise<void>;
}

/**
 * Starts a cluster with a checkout's own `razonete stack`, so that its own processes, plan and configuration files are
 * measured. It uses the data that the folder may have from an earlier run.
 *
 * @throws StartError if it does not start
 */
export async function startStackTarget(
  name: string,
  checkout: string,
  location: TargetLocation,
  signal?: AbortSignal,
  flags: readonly string[] = [],
): Promise<StackTarget> {
  const command = commandOf(checkout);
  const outboxLength = await outboxLengthOf(checkout);

  const data = join(location.folder, "data");
  const file = join(data, "stack.json");
  const log = join(location.folder, "stack.log");
  const output = openSync(log, "a");
  const begun = performance.now();
  const child = Bun.spawn(
    [...(location.group?.commandPrefix ?? []), ...command, "stack", "--data", data, "--port", "0", ...flags],
    {
      env: { ...ENVIRONMENT, ...location.environment },
      stdio: ["ignore", output, output],
      // Not reached by the terminal's Ctrl-C. The benchmark stops it when it is no longer measured.
      detached: true,
    },
  );
  closeSync(output);
  const over = (): boolean => child.exitCode !== null || child.signalCode !== null;
  const description = (): StackDescription => JSON.parse(readFileSync(file, "utf8"));
  const stop = async (): Promise<void> => {
    if (!over()) child.kill("SIGTERM");
    await child.exited;
  };

  try {
    // `stack` removes the file of the last run before it starts anything.
    while (!existsSync(file) || !(await answers(description().url))) {
      signal?.throwIfAborted();
      if (over()) throw new StartError(`the stack of ${checkout} did not start: ${lastLines(log, 3)}`);
      if (performance.now() - begun > START_SECONDS_MAX * 1000) {
        throw new StartError(`the stack of ${checkout} is not ready after ${START_SECONDS_MAX} s.`);
      }
      await Bun.sleep(POLL_MILLISECONDS);
    }
  } catch (error) {
    await stop();
    throw error;
  }
  const readySeconds = (performance.now() - begun) / 1000;
  const { url, redisUrl } = description();
  return {
    name,
    url,
    readySeconds,
    description,
    // The supervisor is in the same control group: what it uses is not available to the others.
    processes: () => [
      ...description().processes,
      { name: "supervisor", pid: child.pid, withoutChildren: true },
    ],
    settle: async () => {
      const deadline = performance.now() + SETTLE_SECONDS_MAX * 1000;
      while ((await outboxLength(redisUrl)) > 0) {
        signal?.throwIfAborted();
        if (performance.now() > deadline) {
          throw new StartError(`the books of ${name} do not catch up within ${SETTLE_SECONDS_MAX} s.`);
        }
        await Bun.sleep(POLL_MILLISECONDS);
      }
    },
    stop,
    kill: async () => {
      const tree = treeOf(child.pid, readStats()).map(({ pid }) => pid);
      // The supervisor first, since it would restart the others.
      for (const pid of tree) killIfThere(pid);
      await child.exited;
      while (tree.some((pid) => identityOf(pid) !== null)) await Bun.sleep(POLL_MILLISECONDS);
    },
  };
}

/**
 * The command that runs a checkout's command line, with the Bun that it depends on.
 *
 * @throws StartError if the folder is not a checkout, or its dependencies are missing
 */
export function commandOf(checkout: string): readonly [bun: string, main: string] {
  const main = join(checkout, "src/cli/main.ts");
  if (!existsSync(main))
    throw new StartError(`${checkout} is no checkout of Razonete: it has no src/cli/main.ts.`);
  const bun = join(checkout, "node_modules/.bin/bun");
  if (!existsSync(bun)) throw new StartError(`${checkout} has no dependencies: run npm ci there first.`);
  return [bun, main];
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended with its parent.
    return;
  }
}

/** A checkout's own function for the length of its outboxes. Where they are stored may differ between two checkouts. */
async function outboxLengthOf(checkout: string): Promise<(redisUrl: string) => Promise<number>> {
  const probes: unknown = await import(join(checkout, "src/stack/probes.ts"));
  if (typeof probes !== "object" || probes === null || !("outboxLength" in probes)) {
    throw new StartError(`${checkout} cannot tell how much its outbox holds: it is too old to be measured.`);
  }
  const { outboxLength } = probes;
  if (typeof outboxLength !== "function") throw new Error("outboxLength is no function");
  return async (redisUrl) => Number(await outboxLength(redisUrl));
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/clientes/1/extrato`);
    await response.text();
    return response.ok;
  } catch {
    return false;
  }
}
