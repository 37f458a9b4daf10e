import { ENVIRONMENT } from "../config.ts";
import type { Environment } from "../settings.ts";

/** How the person who started this reaches the command line: by npm, if npm started it. */
export function commandLine(environment: Environment = ENVIRONMENT): string {
  const isByNpm = ["start", "razonete"].includes(environment["npm_lifecycle_event"] ?? "");
  return isByNpm && environment["npm_package_name"] === "razonete" ? "npm run razonete --" : "razonete";
}

/** Names that npm has options of, too. They may be in its configuration for other reasons, and do no harm where lost. */
const FLAGS_OF_NPM_TOO = ["--json", "--yes"];

/**
 * Which of these flags ("--port") npm has kept for itself, as it does where `--` is missing: of `npm start --port 8080`
 * the script only sees the 8080.
 *
 * @returns them, and how the script was called ("npm start")
 */
export function flagsKeptByNpm(
  flags: readonly string[],
  environment: Environment = ENVIRONMENT,
): { readonly kept: readonly string[]; readonly script: string } {
  const event = environment["npm_lifecycle_event"];
  const script = event === "start" ? "npm start" : `npm run ${event}`;
  // Another package's script that runs the ledger may have options of these names for itself.
  if (environment["npm_package_name"] !== "razonete") return { kept: [], script };
  const valueOf = (name: string): string | undefined =>
    environment[`npm_config_${name.replaceAll("-", "_")}`];
  // Of --no-x npm makes an empty x.
  const isKept = (flag: string): boolean =>
    flag.startsWith("--no-") ? valueOf(flag.slice("--no-".length)) === "" : Boolean(valueOf(flag.slice(2)));
  const kept = flags.filter((flag) => isKept(flag) && !FLAGS_OF_NPM_TOO.includes(flag));
  return { kept, script };
}
