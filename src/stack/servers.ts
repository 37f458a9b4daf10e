import { accessSync, constants, readdirSync } from "node:fs";
import { join } from "node:path";

/** The servers of others that a stack is made of. */
export const SERVERS = ["haproxy", "redis", "nats", "postgres"] as const;
export type Server = (typeof SERVERS)[number];

/** Absolute paths of programs. */
export interface ServerPrograms {
  readonly haproxy: string;
  readonly redis: string;
  readonly nats: string;
  readonly postgres: string;
  readonly initdb: string;
}

/** Each server's package on Debian. */
export const DEBIAN_PACKAGES: Readonly<Record<Server, string>> = {
  haproxy: "haproxy",
  redis: "redis-server",
  nats: "nats-server",
  postgres: "postgresql",
};

const DEBIAN_POSTGRES = "/usr/lib/postgresql";
// Where programs for administrators are: not on the PATH of every user.
const SYSTEM_FOLDERS = ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/local/bin", "/usr/bin", "/bin"];

export type Located =
  | { readonly complete: true; readonly programs: ServerPrograms }
  | { readonly complete: false; readonly missing: readonly Server[] };

/** Looks for the programs on `path` (as PATH has it) and where Debian puts them. */
export function locateServers(path: string): Located {
  const folders = [...path.split(":").filter((folder) => folder !== ""), ...SYSTEM_FOLDERS];
  const haproxy = find("haproxy", folders);
  const redis = find("redis-server", folders);
  const nats = find("nats-server", folders);
  // Debian keeps each version of PostgreSQL in a folder of its own and puts none of them on the PATH.
  const postgresFolders = [...debianPostgresFolders(), ...folders];
  const postgres = find("postgres", postgresFolders);
  const initdb = find("initdb", postgresFolders);
  if (haproxy !== null && redis !== null && nats !== null && postgres !== null && initdb !== null) {
    return { complete: true, programs: { haproxy, redis, nats, postgres, initdb } };
  }
  const found = { haproxy, redis, nats, postgres: initdb === null ? null : postgres };
  return { complete: false, missing: SERVERS.filter((server) => found[server] === null) };
}

/** Version 15, for which the stack is made, then the newest others. */
function debianPostgresFolders(): string[] {
  let versions: number[];
  try {
    versions = readdirSync(DEBIAN_POSTGRES).map(Number).filter(Number.isFinite);
  } catch {
    return [];
  }
  const newestFirst = versions.toSorted((a, b) => Number(b === 15) - Number(a === 15) || b - a);
  return newestFirst.map((version) => join(DEBIAN_POSTGRES, String(version), "bin"));
}

function find(program: string, folders: readonly string[]): string | null {
  for (const folder of folders) {
    const candidate = join(folder, program);
    try {
      accessSync(candidate, constants.X_OK);
      return candidate;
    } catch {
      continue;
    }
  }
  return null;
}
