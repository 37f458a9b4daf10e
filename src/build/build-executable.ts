import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { StartError } from "../errors.ts";
import { EXECUTABLE } from "./programs.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const ENTRY = fileURLToPath(new URL("../cli/binary-main.ts", import.meta.url));

/**
 * Including bytecode, which halves the start-up time. `esm`, since some modules use top-level await. Without the two
 * last ones the executable would take settings from the `.env`, and run code that the `bunfig.toml` names, of whatever
 * folder it is started in.
 */
const BUILD_FLAGS = [
  "--compile",
  "--minify",
  "--bytecode",
  "--format=esm",
  "--no-compile-autoload-dotenv",
  "--no-compile-autoload-bunfig",
];

/**
 * Builds the single-file executable: Bun and the ledger's program in one file, with the SQL and Lua files that it uses.
 *
 * @throws StartError if the build fails
 */
export function buildExecutable(to: string = EXECUTABLE): void {
  mkdirSync(dirname(to), { recursive: true });
  // The finished file replaces the old one in one step. A process that runs the old one keeps its file.
  const draft = `${to}.${process.pid}`;
  const { exitCode, stderr, stdout } = Bun.spawnSync(
    [process.execPath, "build", ...BUILD_FLAGS, ENTRY, "--outfile", draft],
    { stdout: "pipe", stderr: "pipe" },
  );
  if (exitCode === 0) {
    renameSync(draft, to);
    return;
  }
  rmSync(draft, { force: true });
  throw new StartError(`the executable could not be built: ${stderr.toString() || stdout.toString()}`);
}

/**
 * The executable of the current source. It is built if it does not exist or is older than the source.
 *
 * @throws StartError if the build fails
 */
export function executableProgram(say: (line: string) => void): readonly string[] {
  if (!existsSync(EXECUTABLE) || statSync(EXECUTABLE).mtimeMs < newestSource()) {
    say("Building the executable first (npm run build), some seconds ...");
    buildExecutable();
  }
  return [EXECUTABLE];
}

/** When the source or the versions of its dependencies were last changed. */
function newestSource(): number {
  const files = readdirSync(join(ROOT, "src"), { recursive: true, encoding: "utf8" });
  const paths = [join(ROOT, "package-lock.json"), ...files.map((file) => join(ROOT, "src", file))];
  return Math.max(...paths.map((path) => statSync(path).mtimeMs));
}
