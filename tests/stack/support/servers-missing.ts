import { ensurePrograms } from "../../../src/stack/install-servers.ts";
import { PROGRAM_NAMES } from "../../../src/stack/server-programs.ts";

/** Why a stack cannot run here; `null` where it can. Installs what it may. */
export const serversMissing: string | null = reason();

function reason(): string | null {
  try {
    ensurePrograms(PROGRAM_NAMES, { path: process.env["PATH"] ?? "", say: console.error });
    return null;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    console.error(`SKIPPED: ${message}`);
    return message;
  }
}
