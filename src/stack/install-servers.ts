import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { StartError } from "../start-error.ts";
import { DEBIAN_PACKAGES, locateServers, type Server, type ServerPrograms } from "./servers.ts";

const SCRIPT = fileURLToPath(new URL("./install-servers.sh", import.meta.url));

export interface InstallOptions {
  /** As the environment has it. */
  readonly path: string;
  readonly say: (line: string) => void;
}

/**
 * The programs of all servers. What is missing is installed where that needs no question: on Debian, by apt-get, as
 * root or with a sudo that asks for no password. No service is left running or enabled; see install-servers.sh.
 *
 * @throws StartError that names the missing packages where they cannot be installed
 */
export function ensureServers({ path, say }: InstallOptions): ServerPrograms {
  const before = locateServers(path);
  if (before.complete) return before.programs;

  const packages = before.missing.map((server) => DEBIAN_PACKAGES[server]);
  const asRoot = commandAsRoot();
  if (asRoot === null) throw new StartError(howToInstall(before.missing));
  say(`Installing ${packages.join(", ")} with apt-get, once (a minute or two) ...`);
  const [program = "sh", ...rest] = [...asRoot, "sh", SCRIPT, ...packages];
  const result = spawnSync(program, rest, { encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
  const after = locateServers(path);
  if (result.status === 0 && after.complete) return after.programs;
  throw new StartError(
    `apt-get could not install ${packages.join(", ")}: ${lastWords(result.stderr || result.stdout)} ` +
      "Install them by hand, or run `docker compose up` instead.",
  );
}

/** The sentence for a machine on which nothing can be installed without asking. */
export function howToInstall(missing: readonly Server[]): string {
  const packages = missing.map((server) => DEBIAN_PACKAGES[server]).join(" ");
  return (
    `the stack needs servers that are not installed: ${packages} (Debian's names). ` +
    `Install them (\`apt-get install ${packages}\` as root; other systems have them under similar names), ` +
    "or run the same with `docker compose up`."
  );
}

/** What to put before a command so that it runs as root without a question; `null` where that cannot be had. */
function commandAsRoot(): readonly string[] | null {
  if (!existsSync("/etc/debian_version") || spawnSync("apt-get", ["--version"]).status !== 0) return null;
  if (process.getuid?.() === 0) return [];
  return spawnSync("sudo", ["-n", "true"], { stdio: "ignore" }).status === 0 ? ["sudo", "-n"] : null;
}

function lastWords(output: string): string {
  const lines = output.trim().split("\n");
  return lines.slice(-3).join(" ").trim() || "it said nothing.";
}
