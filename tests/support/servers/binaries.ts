import { existsSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Where the servers' programs are, and how to come by them on Debian. */

export interface Program {
  /** Of the executable. */
  readonly name: string;
  /** Debian's package. */
  readonly package: string;
}

export const REDIS: Program = { name: "redis-server", package: "redis-server" };
export const NATS: Program = { name: "nats-server", package: "nats-server" };
export const HAPROXY: Program = { name: "haproxy", package: "haproxy" };
export const POSTGRES: Program = { name: "postgres", package: "postgresql" };
export const INITDB: Program = { name: "initdb", package: "postgresql" };

const installed = new Set<string>();

/**
 * The path of a program; as root on Debian it is installed where it is missing.
 *
 * @throws Error that says which package is missing
 */
export function pathOf(program: Program): string {
  const path = find(program) ?? (install(program.package) ? find(program) : null);
  if (path === null) {
    throw new Error(
      `${program.name} is not installed: as root on Debian, apt-get install ${program.package}; ` +
        "elsewhere see the README",
    );
  }
  return path;
}

/** Why tests that need these programs cannot run here; `null` where they can. Installs what it may. */
export function missing(programs: readonly Program[]): string | null {
  try {
    for (const program of programs) pathOf(program);
    return null;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    console.error(`SKIPPED: ${reason}`);
    return reason;
  }
}

function find({ name }: Program): string | null {
  const onPath =
    Bun.which(name) ?? Bun.which(name, { PATH: "/usr/sbin:/usr/bin:/usr/local/bin:/usr/local/sbin" });
  if (onPath !== null) return onPath;
  // Debian keeps PostgreSQL's programs apart, by version.
  const versions = "/usr/lib/postgresql";
  if (!existsSync(versions)) return null;
  const paths = readdirSync(versions)
    .toSorted((a, b) => Number(b) - Number(a))
    .map((version) => join(versions, version, "bin", name));
  return paths.find((path) => existsSync(path)) ?? null;
}

const POLICY = "/usr/sbin/policy-rc.d";
const CLUSTER_CONFIG = "/etc/postgresql-common";

/** Installs without starting a service, then or at the next boot of PostgreSQL: there is no cluster to start. */
function install(name: string): boolean {
  if (process.getuid?.() !== 0 || Bun.which("apt-get") === null || installed.has(name)) return false;
  installed.add(name);
  const ownPolicy = !existsSync(POLICY);
  if (ownPolicy) writeFileSync(POLICY, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  try {
    if (name === "postgresql") {
      apt(["install", "-y", "--no-install-recommends", "postgresql-common"]);
      writeFileSync(join(CLUSTER_CONFIG, "createcluster.conf"), "create_main_cluster = false\n");
    }
    return apt(["install", "-y", "--no-install-recommends", name]);
  } finally {
    if (ownPolicy) rmSync(POLICY);
  }
}

function apt(args: readonly string[]): boolean {
  const run = () =>
    Bun.spawnSync(["apt-get", ...args], {
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
      stdout: "ignore",
      stderr: "inherit",
    }).success;
  if (run()) return true;
  Bun.spawnSync(["apt-get", "update"], { stdout: "ignore", stderr: "inherit" });
  return run();
}
