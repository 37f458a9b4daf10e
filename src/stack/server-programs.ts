import { accessSync, constants, readdirSync } from "node:fs";
import { join } from "node:path";

/** The third-party programs of a stack, each with its Debian package. */
export const PROGRAMS = {
  haproxy: { file: "haproxy", debianPackage: "haproxy" },
  redis: { file: "redis-server", debianPackage: "redis-server" },
  nats: { file: "nats-server", debianPackage: "nats-server" },
  postgres: { file: "postgres", debianPackage: "postgresql" },
  initdb: { file: "initdb", debianPackage: "postgresql" },
  prometheus: { file: "prometheus", debianPackage: "prometheus" },
  redisExporter: { file: "prometheus-redis-exporter", debianPackage: "prometheus-redis-exporter" },
  postgresExporter: { file: "prometheus-postgres-exporter", debianPackage: "prometheus-postgres-exporter" },
} as const;

export type ProgramName = keyof typeof PROGRAMS;
/** Without which there is no ledger. */
export const PROGRAM_NAMES = ["haproxy", "redis", "nats", "postgres", "initdb"] as const;
/** With which it is looked after. */
export const OBSERVER_NAMES = ["prometheus", "redisExporter", "postgresExporter"] as const;
export type ObserverName = (typeof OBSERVER_NAMES)[number];

/** Absolute paths. */
export type ProgramPaths<Name extends ProgramName = (typeof PROGRAM_NAMES)[number]> = Readonly<
  Record<Name, string>
>;

const DEBIAN_POSTGRES = "/usr/lib/postgresql";
// Folders of programs for administrators, which are not on the PATH of every user.
const SYSTEM_FOLDERS = ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/local/bin", "/usr/bin", "/bin"];

/**
 * Looks for a program in `path` (in the form of PATH) and where Debian installs it.
 *
 * @returns its absolute path, or `null`
 */
export function locate(name: ProgramName, path: string): string | null {
  const folders = [...path.split(":").filter((folder) => folder !== ""), ...SYSTEM_FOLDERS];
  // Debian has a folder for each version of PostgreSQL, and none of them is on the PATH.
  if (name === "postgres" || name === "initdb") folders.unshift(...debianPostgresFolders());
  const candidates = folders.map((folder) => join(folder, PROGRAMS[name].file));
  return candidates.find(isProgram) ?? null;
}

/** First version 15, for which the stack is made, then the others, the newest first. */
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
