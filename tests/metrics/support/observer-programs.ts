import { StartError } from "../../../src/errors.ts";
import { ensurePrograms } from "../../../src/stack/install-servers.ts";
import { OBSERVER_NAMES, type ObserverName, type ProgramPaths } from "../../../src/stack/server-programs.ts";

const found: ProgramPaths<ObserverName> | StartError = findPrograms();

/** Why tests with Prometheus cannot run here, which is also said aloud; `null` where they can. */
export const observersMissing: string | null = found instanceof StartError ? found.message : null;
if (observersMissing !== null) console.error(`SKIPPED: ${observersMissing}`);

/** @throws StartError that names the missing packages */
export function observerPath(program: ObserverName): string {
  if (found instanceof StartError) throw found;
  return found[program];
}

/** Prometheus's own tool, which comes with it. */
export function promtool(...args: readonly string[]) {
  return Bun.spawnSync([observerPath("prometheus").replace(/prometheus$/, "promtool"), ...args]);
}

/** The text as `promtool check metrics` sees it: what it has to say of it, a line each. */
export function faultsOfMetrics(text: string): string[] {
  const tool = observerPath("prometheus").replace(/prometheus$/, "promtool");
  const { stderr, stdout } = Bun.spawnSync([tool, "check", "metrics"], { stdin: Buffer.from(text) });
  return `${stdout.toString()}${stderr.toString()}`.split("\n").filter((line) => line !== "");
}

function findPrograms(): ProgramPaths<ObserverName> | StartError {
  try {
    return ensurePrograms(OBSERVER_NAMES, { path: process.env["PATH"] ?? "", say: console.error });
  } catch (error) {
    if (error instanceof StartError) return error;
    throw error;
  }
}
