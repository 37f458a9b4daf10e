import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { StartError } from "../errors.ts";
import { locate, type ProgramName, type ProgramPaths, PROGRAMS } from "./server-programs.ts";

const SCRIPT = fileURLToPath(new URL("./install-servers.sh", import.meta.url));

/** The prefix that runs a command as root without a question; `null` if this machine has no such way. */
export type RootAccess = readonly string[] | null;

export interface InstallOptions {
  /** The environment's PATH. */
  readonly path: string;
  readonly say: (line: string) => void;
  /** For tests. */
  readonly find?: (name: ProgramName, path: string) => string | null;
  readonly rootAccess?: () => RootAccess;
}

/**
 * Finds the named programs. Missing ones are installed if that is possible without asking: on Debian with apt-get, as
 * root or with a sudo that needs no password. No service is left running or enabled; see install-servers.sh.
 *
 * @throws StartError that names the missing packages, if they cannot be installed
 */
export function ensurePrograms<Name extends ProgramName>(
  names: readonly Name[],
  options: InstallOptions,
): ProgramPaths<Name> {
  const { path, say, find = locate, rootAccess = debianRootAccess } = options;
  const missing = names.filter((name) => find(name, path) === null);
  if (missing.length > 0) {
    const packages = [...new Set(missing.map((name) => PROGRAMS[name].debianPackage))];
    const access = rootAccess();
    if (access === null) throw new StartError(howToInstall(packages));
    say(`Installing ${packages.join(", ")} with apt-get, once (a minute or two) ...`);
    install(packages, access);
  }
  const paths: Partial<Record<Name, string>> = {};
  for (const name of names) {
    const found = find(name, path);
    if (found === null) throw new StartError(`${PROGRAMS[name].file} was installed but cannot be found.`);
    paths[name] = found;
  }
  return completed(paths, names);
}

/** Asserts that a record has all names. */
function completed<Name extends ProgramName>(
  paths: Partial<Record<Name, string>>,
  names: readonly Name[],
): ProgramPaths<Name> {
  const isComplete = (record: Partial<Record<Name, string>>): record is Record<Name, string> =>
    names.every((name) => record[name] !== undefined);
  if (!isComplete(paths)) throw new Error("a program is missing");
  return paths;
}

function install(packages: readonly string[], access: readonly string[]): void {
  const [program = "sh", ...rest] = [...access, "sh", SCRIPT, ...packages];
  const { status, stdout, stderr } = spawnSync(program, rest, {
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  if (status === 0) return;
  const lines = (stderr || stdout || "it said nothing").trim().split("\n");
  throw new StartError(
    `apt-get could not install ${packages.join(", ")} (${lines.slice(-3).join(" ")}): ` +
      "install them by hand, or run the same with `docker compose up`.",
  );
}

/** The message on a machine where nothing can be installed without asking. */
function howToInstall(packages: readonly string[]): string {
  const names = packages.join(" ");
  return (
    `servers are missing; their packages on Debian are ${names}. Install them (as root: apt-get install ${names}; ` +
    "other systems have them under similar names), or run the same with `docker compose up`."
  );
}

function debianRootAccess(): RootAccess {
  if (!existsSync("/etc/debian_version") || spawnSync("apt-get", ["--version"]).status !== 0) return null;
  if (process.getuid?.() === 0) return [];
  return spawnSync("sudo", ["-n", "true"], { stdio: "ignore" }).status === 0 ? ["sudo", "-n"] : null;
}
