import { spawnSync } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { StartError } from "../errors.ts";

/** Each connection is an open file. At the limit no connection is accepted, and nobody says why. */

const LOOK_MILLISECONDS = 1_000;
const READERS_SHARE = 0.4;

/**
 * How many files this process may have open (`ulimit -n`); Bun has raised its limit as far as it may. `null`: not known.
 */
function openFilesMax(): number | null {
  const text = existsSync("/proc/self/limits")
    ? /^Max open files +(\S+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1]
    : spawnSync("sh", ["-c", "ulimit -n"], { encoding: "utf8" }).stdout.trim();
  if (text === "unlimited") return Infinity;
  return Number(text) || null;
}

/**
 * @returns how many files this process may open
 * @throws StartError if this process, and those that it starts, may open fewer files than `min`
 */
export function requireOpenFiles(min: number): number {
  const max = openFilesMax();
  if (max !== null && max < min) {
    throw new StartError(`only ${max} files may be open here, and it needs ${min}: raise it with ulimit -n.`);
  }
  return max ?? min;
}

/** How many may follow events at once, each on a connection of its own, so that others can still connect. */
export function readersMax(filesMax: number): number {
  return Math.floor(filesMax * READERS_SHARE);
}

/** From now on, says when the limit is reached, and when no longer: one line for each change. */
export function watchOpenFiles(say: (line: string) => void): void {
  // At the limit it could not be read any more.
  const max = openFilesMax() ?? "the";
  let atLimit = false;
  const look = (): void => {
    const was = atLimit;
    atLimit = !canOpen();
    if (atLimit && !was) {
      say(
        `all ${max} files that may be open here are open: new connections wait until others end; ` +
          "raise it with ulimit -n.",
      );
    }
    if (was && !atLimit) say("files can be opened again: new connections are accepted.");
  };
  setInterval(look, LOOK_MILLISECONDS).unref();
}

function canOpen(): boolean {
  try {
    closeSync(openSync("/dev/null", "r"));
    return true;
  } catch (error) {
    return !(
      error instanceof Error &&
      "code" in error &&
      (error.code === "EMFILE" || error.code === "ENFILE")
    );
  }
}
