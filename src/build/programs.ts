import { fileURLToPath } from "node:url";

/** Where `npm run build` puts the single-file executable. */
export const EXECUTABLE = fileURLToPath(new URL("../../dist/razonete", import.meta.url));

/**
 * The program, run from its source. Bun is kept from the `.env` and the `bunfig.toml` of the current folder, which are
 * those of somebody else's project; the scripts of package.json have the same flags.
 */
export const SOURCE_PROGRAM: readonly string[] = [
  process.execPath,
  "--no-env-file",
  "--config=/dev/null",
  fileURLToPath(new URL("../cli/main.ts", import.meta.url)),
];

/** This program, however it runs: from its source, or as the single-file executable. */
export function ownProgram(): readonly string[] {
  return Bun.main.startsWith(IN_EXECUTABLE) ? [process.execPath] : SOURCE_PROGRAM;
}

/** Where the executable has its files, as it sees them itself. */
const IN_EXECUTABLE = "/$bunfs/";
