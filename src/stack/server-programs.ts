import { accessSync, constants, readdirSync } from "node:fs";
import { join } from "node:path";

/** The programs of others that a stack is made of, each with its package on Debian. */
export const PROGRAMS = {
  haproxy: { file: "haproxy", debianPackage: "haproxy" },
  redis: { file: "redis-server", debianPackage: "redis-server" },
  nats: { file: "nats-server", debianPackage: "nats-server" },
  postgres: { file: "postgres", debianPackage: "postgresql" },
  initdb: { file: "initdb", debianPackage: "postgresql" },
} as const;

export type ProgramName = keyof typeof PROGRAMS;
export const PROGRAM_NAMES: readonly ProgramName[] = ["haproxy", "redis", "nats", "postgres", "initdb"];

/** Absolute paths. */
export type ProgramPaths<Name extends ProgramName = ProgramName> = Readonly<Record<Name, string>>;

const DEBIAN_POSTGRES = "/usr/lib/postgresql";
// Where programs for administrators are: not on the PATH of every user.
const SYSTEM_FOLDERS = ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/local/bin", "/usr/bin", "/bin"];

/**
 * Looks for a program on `path` (as PATH has it) and where Debian puts it.
 *
 * @returns its absolute path, or `null`
 */
export function locate(name: ProgramName, path: string): string | null {
  const folders = [...path.split(":").filter((folder) => folder !== ""), ...SYSTEM_FOLDERS];
  // Debian keeps each version of PostgreSQL in a folder of its own and puts none of them on the PATH.
  if (name === "postgres" || name === "initdb") folders.unshift(...debianPostgresFolders());
  const candidates = folders.map((folder) => join(folder, PROGRAMS[name].file));
  return candidates.find(isProgram) ?? null;
}

/** Version 15, for which the stack is made, then the newest others. */
function debianPostgresFolders(): string[] {
  let versions: number[];
  try {
    versions = readdirSync(DEBIAN_POSTGRES).map(Number).filter(Number.isFinite);
  } catch {
    return [];
  }
  const wantedFirst = versions.toSorted((a, b) => Number(b === 15) - Number(a === 15) || b - a);
  return wantedFirst.map((version) => join(DEBIAN_POSTGRES, String(version), "bin"));
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
