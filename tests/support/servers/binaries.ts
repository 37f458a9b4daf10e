import { ensurePrograms } from "../../../src/stack/install-servers.ts";
import { PROGRAM_NAMES, type ProgramPaths } from "../../../src/stack/server-programs.ts";
import { StartError } from "../../../src/errors.ts";

const found: ProgramPaths | StartError = findPrograms();

/**
 * The path of a server's program. What is missing is installed as `razonete stack` does it.
 *
 * @throws StartError that names the missing packages
 */
export function pathOf(program: keyof ProgramPaths): string {
  if (found instanceof StartError) throw found;
  return found[program];
}

/** Why tests on real servers cannot run here, which is also said aloud; `null` where they can. Installs what it may. */
export const serversMissing: string | null = found instanceof StartError ? found.message : null;
if (serversMissing !== null) console.error(`SKIPPED: ${serversMissing}`);

function findPrograms(): ProgramPaths | StartError {
  try {
    return ensurePrograms(PROGRAM_NAMES, { path: process.env["PATH"] ?? "", say: console.error });
  } catch (error) {
    if (error instanceof StartError) return error;
    throw error;
  }
}
