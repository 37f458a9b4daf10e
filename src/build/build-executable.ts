import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { StartError } from "../errors.ts";
import { EXECUTABLE } from "./programs.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const ENTRY = fileURLToPath(new URL("../cli/binary-main.ts", import.meta.url));

/**
 * With the bytecode of its functions, which is half of its start-up time. `esm`, as there are modules that wait while
 * they are loaded.
 */
const BUILD_FLAGS = ["--compile", "--minify", "--bytecode", "--format=esm"];

/**
 * Makes the single-file executable: Bun and the ledger's program in one, with every text that it reads.
 *
 * @throws StartError where it cannot be made
 */
export function buildExecutable(to: string = EXECUTABLE): void {
  mkdirSync(dirname(to), { recursive: true });
  // Put in its place whole: one that runs from there keeps its file.
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
 * The executable of the present source, built where there is none or an older one.
 *
 * @throws StartError where it cannot be made
 */
export function executableProgram(say: (line: string) => void): readonly string[] {
  if (!existsSync(EXECUTABLE) || statSync(EXECUTABLE).mtimeMs < newestSource()) {
    say("Building the executable first (npm run build), some seconds ...");
    buildExecutable();
  }
  return [EXECUTABLE];
}

/** When the source was changed last, or the versions of what it uses. */
function newestSource(): number {
  const files = readdirSync(join(ROOT, "src"), { recursive: true, encoding: "utf8" });
  const paths = [join(ROOT, "package-lock.json"), ...files.map((file) => join(ROOT, "src", file))];
  return Math.max(...paths.map((path) => statSync(path).mtimeMs));
}
