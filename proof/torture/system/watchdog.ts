import { fileURLToPath } from "node:url";

const SCRIPT = fileURLToPath(new URL("./watchdog.sh", import.meta.url));

/**
 * A small process that outlives this one if it is killed, and then ends the processes and unmounts the disks that were
 * left in a folder: neither a frozen server nor a memory disk goes away by itself. Linux only; elsewhere it does
 * nothing.
 */
export class Watchdog {
  readonly #child: Bun.Subprocess<"pipe", "ignore", "ignore"> | null;

  /** @param folder absolute, without symbolic links; the processes to end have it as RAZONETE_STACK or work below it */
  constructor(folder: string) {
    this.#child =
      process.platform === "linux"
        ? Bun.spawn(["sh", SCRIPT, folder], {
            cwd: "/",
            stdio: ["pipe", "ignore", "ignore"],
            // Ctrl-C must not reach it: it is needed most when everything else is interrupted.
            detached: true,
          })
        : null;
  }

  /** Lets it clean up now. Resolves when nothing is left. */
  async end(): Promise<void> {
    if (this.#child === null) return;
    await this.#child.stdin.end();
    await this.#child.exited;
  }
}
